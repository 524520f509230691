"""A text found in the bytes of a file, also where JSON writes its characters as escapes.

Writers of JSON differ in what they escape: Python writes é as \\u00e9, C# a quote as \\u0022, PHP a slash as
\\/, Go < and & as \\u003c and \\u0026. One needle stands for all of these.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tui.errors import TunedeckError

_SHORT = {
    '"': b'\\"',
    "\\": b"\\\\",
    "/": b"\\/",
    "\b": b"\\b",
    "\f": b"\\f",
    "\n": b"\\n",
    "\r": b"\\r",
    "\t": b"\\t",
}
_ESCAPED_BY_SOME = frozenset("<>&'+=`\x7f") | _SHORT.keys()

FindNext = Callable[[bytes, int], tuple[int, int]]
"""(block, from where) -> (first byte, byte after the last), or (-1, -1)."""


def needle_finder(text: str, *, ignore_case: bool = False) -> FindNext:
    """Return what finds the next place of a text in a block of bytes.

    Raises:
        TunedeckError: The text is empty.
    """
    if not text:
        raise TunedeckError("There is nothing to search for.", "Type a part of the text.")
    is_plain = text.isascii() and not any(char in _ESCAPED_BY_SOME or char < " " for char in text)
    if is_plain and not ignore_case:
        return _exact(text.encode())
    if is_plain:
        return _either_case(text)
    return _escaped(text, ignore_case=ignore_case)


def _exact(needle: bytes) -> FindNext:
    length = len(needle)

    def find(block: bytes, start: int) -> tuple[int, int]:
        at = block.find(needle, start)
        return (at, at + length) if at >= 0 else (-1, -1)

    return find


class _EitherCase:
    """Searches a lower-cased copy of the block, which is made once for each block."""

    def __init__(self, needle: bytes) -> None:
        self._needle = needle
        self._block = self._lowered = b""

    def __call__(self, block: bytes, start: int) -> tuple[int, int]:
        if block is not self._block:
            self._block, self._lowered = block, block.lower()
        at = self._lowered.find(self._needle, start)
        return (at, at + len(self._needle)) if at >= 0 else (-1, -1)


def _either_case(text: str) -> FindNext:
    return _EitherCase(text.lower().encode())


def _escaped(text: str, *, ignore_case: bool) -> FindNext:
    pattern = re.compile(b"".join(_any_form(char, ignore_case=ignore_case) for char in text))

    def find(block: bytes, start: int) -> tuple[int, int]:
        match = pattern.search(block, start)
        return match.span() if match else (-1, -1)

    return find


def _any_form(char: str, *, ignore_case: bool) -> bytes:
    """Return a pattern of every way that JSON may write a character."""
    chars = {char}
    if ignore_case:
        chars |= {other for other in (char.lower(), char.upper()) if len(other) == 1}
    forms = [form for one in sorted(chars) for form in _forms(one)]
    return forms[0] if len(forms) == 1 else b"(?:" + b"|".join(forms) + b")"


def _forms(char: str) -> list[bytes]:
    raw = re.escape(char.encode("utf-8", "surrogatepass"))
    if char.isascii() and char >= " " and char not in _ESCAPED_BY_SOME:
        return [raw]
    units = char.encode("utf-16-be", "surrogatepass")
    hexes = [units[at : at + 2].hex() for at in range(0, len(units), 2)]
    escaped = b"".join(b"\\\\u(?i:" + one.encode() + b")" for one in hexes)
    short = [re.escape(_SHORT[char])] if char in _SHORT else []
    # A quote's own escape first: the bare one is its second half.
    return [*short, raw, escaped]
