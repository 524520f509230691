"""A row laid out for editing, and one line again; numbers and strings keep their spelling."""

from __future__ import annotations

import json
import re

from tui.datasets.fixes.json_text import TOKEN
from tui.datasets.parsing import parse_line
from tui.errors import TunedeckError

_INDENT = "  "
_MOST_INDENTED = 64
"""Levels that are indented; deeper ones would be more space than text."""
_OPENING, _CLOSING = "{[", "}]"


def text_to_edit(line: bytes) -> str:
    """Return a row over several lines where it is valid JSON, else as it is.

    Args:
        line: Without its line end; bytes that are no UTF-8 become lone surrogates, and bytes again later.
    """
    text = line.decode("utf-8", "surrogateescape")
    return text if parse_line(line)[1] is not None else indented(text)


def edited_line(text: str, before: bytes) -> bytes:
    """Return what was edited as one line, written in the style of the row it was.

    Args:
        text: What `text_to_edit` gave, changed or not.
        before: The row it was made of; given back when nothing was changed.

    Raises:
        TunedeckError: It is empty, no JSON or no object; with line and column of the place.
    """
    if text.rstrip("\r\n") == text_to_edit(before).rstrip("\r\n"):
        return before
    content = _encoded(text).strip()
    if not content:
        raise TunedeckError("There is nothing left of the row.", "Delete the row itself instead.")
    value, problem = parse_line(content)
    if problem is not None:
        raise TunedeckError(_where(text.strip(), problem.message), "Mend it there, or drop the change.")
    if not isinstance(value, dict):
        raise TunedeckError("The row is no JSON object.", 'It begins with "{" and ends with "}".')
    return _encoded(on_one_line(text.strip(), before.decode("utf-8", "replace")))


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")  # half a character that was typed: found to be no UTF-8


def _where(text: str, message: str) -> str:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"Not valid JSON: {error.msg} at line {error.lineno:,}, column {error.colno:,}."
    except (ValueError, RecursionError):
        pass  # what is wrong is not the grammar
    return message


def indented(text: str) -> str:
    """Return valid JSON with each value on a line of its own."""
    parts: list[str] = []
    depth, before = 0, ""
    for match in TOKEN.finditer(text):
        token = match[0]
        if token in _CLOSING:
            depth -= 1
            if before not in _OPENING:
                parts.append(_line_break(depth))
        elif before and before in _OPENING:
            parts.append(_line_break(depth))
        parts.append(token)
        if token in _OPENING:
            depth += 1
        elif token == ",":
            parts.append(_line_break(depth))
        elif token == ":":
            parts.append(" ")
        before = token
    return "".join(parts)


def _line_break(depth: int) -> str:
    return "\n" + _INDENT * min(depth, _MOST_INDENTED)


def on_one_line(text: str, like: str) -> str:
    """Return valid JSON on one line.

    Args:
        text: The JSON.
        like: A row whose spaces behind commas and colons are copied.
    """
    comma = ", " if re.search(r'[\]}"\w], ["{\[\d]', like) or not like else ","
    colon = ": " if re.search(r'": ', like) or not like else ":"
    spaced = {",": comma, ":": colon}
    return "".join(spaced.get(token, token) for token in TOKEN.findall(text))
