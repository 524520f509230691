"""One line of a file to one JSON value, or to what is wrong with it and where.

orjson reads the lines that are right. Only a line that it refuses is read again by the standard library,
whose words and positions are those of the service's own error messages.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import orjson

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ParseProblem:
    """Why a line has no value."""

    rule: str
    message: str
    column: int | None
    """Character, from 1."""
    text: str | None
    """What stands there, not yet safe to show."""
    service_error: str | None = None
    """The words of Python's json module, as the service prints them."""


def parse_line(line: bytes) -> tuple[Any, ParseProblem | None]:
    """Return (value, None), or (None, problem); never raises."""
    try:
        return orjson.loads(line), None
    except orjson.JSONDecodeError as error:
        return None, _diagnose(line, error)


def may_repeat_keys(line: bytes, value: dict[str, Any]) -> bool:
    """Return whether a valid line names more keys than its value holds, at a cost that every row can bear.

    Keys with a space before their colon are not seen, nor are those that end in a backslash.
    """
    named = line.count(b'":')
    plain = len(value) + _keys_of_messages(value.get("messages"))
    if named <= plain:
        return False
    named -= line.count(b'\\":')  # quoted JSON inside a text
    return named > plain and named > _keys_that_end(value)


def _keys_that_end(value: dict[str, Any]) -> int:
    """Return the keys of a value, but those that end in a backslash: they are counted as in a line."""
    try:
        written = orjson.dumps(value)
    except orjson.JSONEncodeError:  # nested deeper than it writes
        return _count_keys(value)
    return written.count(b'":') - written.count(b'\\":')


def _keys_of_messages(messages: object) -> int:
    """Return the keys of plain messages; anything else is counted with care later."""
    if not isinstance(messages, list):
        return 0
    try:
        return sum(map(len, messages))
    except TypeError:
        return 0


def _count_keys(value: object) -> int:
    count, waiting = 0, [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, dict):
            count += len(current)
            waiting.extend(current.values())
        elif isinstance(current, list):
            waiting.extend(current)
    return count


def repeated_keys(line: bytes) -> list[str]:
    """Return the keys that stand more than once in one object of a valid line."""
    repeated: set[str] = set()

    def note(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            (repeated if key in seen else seen).add(key)

    try:
        json.loads(line, object_pairs_hook=note)
    except (ValueError, RecursionError):
        return []
    return sorted(repeated)


def _diagnose(line: bytes, error: orjson.JSONDecodeError) -> ParseProblem:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as undecodable:
        return _not_utf8(line, undecodable)
    if text.startswith("\ufeff"):
        return ParseProblem(
            "byte-order-mark-inside",
            "A byte order mark (EF BB BF) stands before the JSON, in the middle of the file.",
            1,
            None,
        )
    if "\0" in text:
        column = text.index("\0") + 1
        message = f"A NUL byte stands at column {column:,}."
        return ParseProblem("nul-byte", message, column, _around(text, column), _json_error(text))
    return _not_json(text, error)


def _not_json(text: str, error: orjson.JSONDecodeError) -> ParseProblem:
    if "depth" in error.msg or "ecursion" in error.msg:
        return ParseProblem("nested-too-deep", "Nested too deep to be read.", error.colno, None)
    standard = _standard_error(text)
    if standard is None:
        return _too_strict(text, error)
    column = standard.pos + 1
    # Some of the reader's messages end with "at" already.
    message = f"Not valid JSON: {standard.msg.removesuffix(' at')} at column {column:,}."
    return ParseProblem("invalid-json", message, column, _around(text, column), str(standard))


def _too_strict(text: str, error: orjson.JSONDecodeError) -> ParseProblem:
    """Name what Python's reader lets pass and the standard does not."""
    column = error.pos + 1
    shown = _around(text, column)
    if "surrogate" in error.msg:
        return ParseProblem("lone-surrogate", f"Half of a character before column {column:,}.", column, shown)
    if text[error.pos : error.pos + 1] in set("NI-0123456789"):
        return ParseProblem("not-standard-number", f"No JSON number at column {column:,}.", column, shown)
    return ParseProblem("invalid-json", f"Not valid JSON: {error.msg} at column {column:,}.", column, shown)


def _not_utf8(line: bytes, error: UnicodeDecodeError) -> ParseProblem:
    column = len(line[: error.start].decode("utf-8")) + 1
    message = f"Byte 0x{line[error.start]:02X} at column {column:,} is not UTF-8."
    shown = line[max(0, error.start - 20) : error.start + 20].decode("utf-8", "replace")
    return ParseProblem("not-utf8", message, column, shown)


def _standard_error(text: str) -> json.JSONDecodeError | None:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error
    except (ValueError, RecursionError):
        return None  # a number of more than 4,300 digits, or nesting: no fault of the grammar
    return None


def _json_error(text: str) -> str | None:
    error = _standard_error(text)
    return str(error) if error else None


def _around(text: str, column: int) -> str:
    return text[max(0, column - 21) : column + 39]
