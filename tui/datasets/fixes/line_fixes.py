"""Fixes of lines that no parser takes, or that are no object."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from tui.datasets.fixes.base import REMOVED, Fix, Fixed
from tui.datasets.fixes.json_text import JsonText
from tui.datasets.fixes.row_rules import RowVerdict, Wrong
from tui.datasets.parsing import BYTE_ORDER_MARK

_HALF_CHARACTER = re.compile(
    r"(?<!\\)((?:\\\\)*)(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_CONTROLS = re.compile(r"[\x00-\x1f]")
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


def _remove(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> Fixed:
    return REMOVED


def _without_mark(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes:
    while line.startswith(BYTE_ORDER_MARK):
        line = line.removeprefix(BYTE_ORDER_MARK)
    return line


def _without_outer_nul(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> Fixed | bytes:
    """Zero bytes before and after the object are padding; those inside stood for something that is lost."""
    return line.strip(b"\0 \t\r") or REMOVED


def _whole_characters(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes:
    def pair_or_mark(match: re.Match[str]) -> str:
        return match[0] if len(match[2]) == 12 else f"{match[1]}\\ufffd"

    return _HALF_CHARACTER.sub(pair_or_mark, line.decode("utf-8")).encode()


def _repaired_json(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> Fixed | bytes | None:
    """Repair what can be read in one way only."""
    try:
        text = line.decode("utf-8").strip()
    except UnicodeDecodeError:
        return None
    for candidate in (text.rstrip(",").rstrip(), _escaped_controls(text)):
        if _is_object(candidate):
            return candidate.encode()
    several = _several_objects(text)
    return Fixed(tuple(part.encode() for part in several)) if several else None


def _escaped_controls(text: str) -> str:
    """Return the text with tabs and other controls inside strings written as JSON wants them."""

    def escaped(match: re.Match[str]) -> str:
        return _CONTROLS.sub(lambda control: json.dumps(control[0])[1:-1], match[0])

    return _STRING.sub(escaped, text)


def _several_objects(text: str) -> list[str]:
    """Return the objects of a line that holds nothing else, with commas or without; else none."""
    decoder, parts, position = json.JSONDecoder(), [], 0
    while position < len(text):
        try:
            _, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            return []
        parts.append(text[position:end])
        while end < len(text) and text[end] in ", \t":
            end += 1
        position = end
    return parts if all(_is_object(part) for part in parts) else []


def _is_object(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return False


def _as_object(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> Fixed | bytes | None:
    value: Any = verdict.value
    if isinstance(value, str):
        inner = value.strip()
        return inner.encode() if "\n" not in inner and _is_object(inner) else None
    if not isinstance(value, list) or not value or not all(isinstance(item, dict) for item in value):
        return None
    text = line.decode("utf-8").strip()
    if all("role" in item for item in value):
        return f'{{"messages": {text}}}'.encode()
    if any("role" in item for item in value):
        return None
    parts = JsonText(text)
    return Fixed(tuple(parts.part((index,)).encode() for index in range(len(value))))


def _last_of_repeated(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes:
    text = JsonText(line.decode("utf-8"))
    text.remove_repeated()
    return text.text().encode()


FIXES = (
    Fix(
        "byte-order-mark",
        "Remove the byte order mark",
        "The three invisible bytes EF BB BF before the JSON are taken away; nothing else changes.",
        _without_mark,
    ),
    Fix(
        "byte-order-mark-inside",
        "Remove the byte order mark",
        "The three invisible bytes EF BB BF before the JSON are taken away; nothing else changes.",
        _without_mark,
    ),
    Fix(
        "nul-byte",
        "Remove zero bytes around the row",
        "Zero bytes before or after the JSON are padding and go; a line of nothing else goes "
        "whole. Zero bytes "
        "inside it stood for something that is lost, so such a row is left alone.",
        _without_outer_nul,
    ),
    Fix(
        "lone-surrogate",
        "Replace half characters by \ufffd",
        "What the half character was can't be known: U+FFFD, the sign for that, takes its place.",
        _whole_characters,
    ),
    Fix(
        "invalid-json",
        "Repair the JSON",
        "Only what can be read in one way: a comma after the object, tabs and other control "
        "characters inside "
        "a text (they are escaped), several complete objects on one line (each gets its own).",
        _repaired_json,
    ),
    Fix(
        "not-an-object",
        "Make it an object",
        "An object that was written into a string is taken out of it; a list of objects becomes a line for "
        "each; a list of messages becomes the row's messages.",
        _as_object,
    ),
    Fix("blank-line", "Remove the blank line", "The line goes; no row changes.", _remove),
    Fix(
        "duplicate-key",
        "Keep the last of equal keys",
        "Readers keep the last one: the others, which nobody ever sees, are taken out.",
        _last_of_repeated,
    ),
    Fix(
        "duplicate-row",
        "Remove the repeated row",
        "The first of equal rows stays. Where a repetition is meant as emphasis, use more epochs instead.",
        _remove,
        needs_finding=True,
    ),
    Fix(
        "train-overlap",
        "Remove the row from the validation file",
        "The row stays in the training file.",
        _remove,
        needs_finding=True,
    ),
    Fix(
        "identical-outputs",
        "Remove the row with two equal answers",
        "Nothing can be learned from a pair without a difference.",
        _remove,
    ),
    Fix(
        "messages-empty",
        "Remove the row without a message",
        "A row without a message teaches nothing and makes the service refuse the file.",
        _remove,
    ),
    Fix(
        "nothing-trained",
        "Remove the row that trains nothing",
        "Every answer in it is kept out of training, so it teaches nothing and the service refuses the file. "
        "Where an answer should be learned, give it weight 1 instead.",
        _remove,
    ),
)
