"""A regular expression asked of each line, also of lines whose characters are written as \\uXXXX.

google-re2 matches in linear time and is taken where it is installed and knows the pattern. Python's `re` can
take for ever on patterns such as `(a+)+$`: this runs in a process that is ended when a part takes too long.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping
from typing import Any, Protocol

from tui.errors import TunedeckError
from tui.safe_text import safe_line

_ESCAPED = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL
)
"""A surrogate pair, one escaped character, or any other escape, which must not be taken apart."""


class Match(Protocol):
    """What of a match is used, of whichever library."""

    def span(self) -> tuple[int, int]:
        """Return first character and the one after the last."""


class Pattern(Protocol):
    """A compiled pattern, of whichever library."""

    def search(self, text: str) -> Match | None:
        """Return the first match in a text."""


def compile_pattern(pattern: str, *, ignore_case: bool = False) -> Pattern:
    """Compile with google-re2 where that works, else with Python's `re`.

    Raises:
        TunedeckError: It is no regular expression; names the place.
    """
    try:
        plain = re.compile(pattern, re.IGNORECASE if ignore_case else 0)
    except re.error as error:
        where = f" at character {error.pos + 1:,}" if error.pos is not None else ""
        raise TunedeckError(
            f"No regular expression: {safe_line(error.msg, 120)}{where}.",
            "A backslash before a special character takes it as it is.",
        ) from error
    except (RecursionError, OverflowError) as error:
        raise TunedeckError("This regular expression is too large.", "Make it shorter.") from error
    if plain.search("") is not None:
        raise TunedeckError(
            "This regular expression matches everywhere, even an empty text.", "Use + where it says *."
        )
    return _linear(pattern, ignore_case=ignore_case) or plain


def _linear(pattern: str, *, ignore_case: bool) -> Pattern | None:
    try:
        import re2
    except ImportError:
        return None
    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.log_errors = False
    try:
        compiled: Pattern = re2.compile(pattern, options)
    except re2.error:  # look-around and back references, which only `re` has
        return None
    return compiled


class PatternJob:
    """Finds the first match in each line; the payload is line, column and length of each, 32 bits apiece."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._pattern = compile_pattern(job["pattern"], ignore_case=job["ignore_case"])

    def part(self, lines: list[bytes], *, is_first: bool) -> tuple[dict[str, Any], bytes]:
        """Return matches, lines counted from 0 within the part, columns from 1 in characters."""
        found = array("I")
        search = self._pattern.search
        for number, line in enumerate(lines):
            text = line.decode("utf-8", "replace")
            span = None if (match := search(text)) is None else match.span()
            if span is None and "\\u" in text:
                span = self._escaped_span(text)
            if span is not None and span[1] > span[0]:
                found.extend((number, span[0] + 1, span[1] - span[0]))
        return {}, found.tobytes()

    def _escaped_span(self, text: str) -> tuple[int, int] | None:
        """Return where a match in the text behind the escapes stands in the line itself."""
        starts: list[tuple[int, int]] = []
        """(place in the plain text, place in the line) after each escape."""
        pieces: list[str] = []
        length = done = 0
        for escape in _ESCAPED.finditer(text):
            pieces.append(text[done : escape.start()])
            length += escape.start() - done
            starts.append((length, escape.start()))
            pieces.append(_unescaped(escape.group()))
            length += len(pieces[-1])
            done = escape.end()
            starts.append((length, done))
        pieces.append(text[done:])
        match = self._pattern.search("".join(pieces))
        if match is None:
            return None
        start, end = match.span()
        return _place(starts, start), _place(starts, end)


def _unescaped(escape: str) -> str:
    if not escape.startswith("\\u") or escape == "\\u":  # nothing but a \u: the line is cut or broken there
        return escape
    codes = [int(code, 16) for code in escape.split("\\u")[1:]]
    return b"".join(code.to_bytes(2, "little") for code in codes).decode("utf-16-le", "replace")


def _place(starts: list[tuple[int, int]], position: int) -> int:
    from bisect import bisect_right

    index = bisect_right(starts, position, key=lambda pair: pair[0]) - 1
    if index < 0:
        return position
    plain, written = starts[index]
    return written + position - plain
