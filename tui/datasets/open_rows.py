"""Tokens of a piece of a row that is too large to be read whole: text cut out of JSON, without structure."""

from __future__ import annotations

import re

import orjson

from tui.datasets.sampling import RowShare
from tui.datasets.tokens import TextTokenizer

_PICTURE = re.compile(rb"data:[^\",;]{0,60};base64,[A-Za-z0-9+/=]*")
_PICTURE_GOES_ON = re.compile(rb"\A[A-Za-z0-9+/=]+")
_STRING_END = re.compile(rb'(?<!\\)(?:\\\\)*"')
_STRUCTURE = re.compile(rb"[\s:,{}\[\]]*")
_BROKEN_ESCAPE = re.compile(rb"\\(?:u[0-9A-Fa-f]{0,3})?\Z")
_LONG_BASE64 = re.compile(r"\A[A-Za-z0-9+/=]{4000,}\Z")


def open_row_tokens(row: RowShare, tokenizer: TextTokenizer) -> tuple[float, float]:
    """Return the tokens of a piece of a row, and of what is perhaps text but likelier inside a picture.

    Args:
        row: An open row.
        tokenizer: Counts.
    """
    raw = row.raw
    if row.is_picture:
        raw = _PICTURE_GOES_ON.sub(b"", raw)
    raw = _PICTURE.sub(b"", raw)
    words = perhaps = 0.0
    for text in _texts(raw):
        tokens = tokenizer.count(text)
        if _LONG_BASE64.match(text):
            perhaps += tokens
        else:
            words += tokens
    return words, perhaps


def _texts(raw: bytes) -> list[str]:
    pieces = [piece for piece in _STRING_END.split(raw) if not _STRUCTURE.fullmatch(piece)]
    return [_unescaped(piece) for piece in pieces]


def _unescaped(piece: bytes) -> str:
    """Return a piece of a JSON string as text; escapes and characters cut in half are dropped."""
    text = _BROKEN_ESCAPE.sub(b"", piece).decode("utf-8", "ignore")
    try:
        found: str = orjson.loads(b'"' + text.encode() + b'"')
    except orjson.JSONDecodeError:
        return text
    return found
