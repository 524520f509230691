"""What can be wrong with a file as a whole, told from its beginning: encoding, line ends, a JSON document."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable

from tui.datasets.parsing import BYTE_ORDER_MARK, parse_line

HEAD_BYTES = 1 << 18
"""How much of a file's beginning is enough to judge it by."""
_WIDE_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDE_FORMS = (
    (re.compile(rb"[\x09\x0a\x0d\x20-\x7e]\x00\x00\x00"), "utf-32-le"),
    (re.compile(rb"\x00\x00\x00[\x09\x0a\x0d\x20-\x7e]"), "utf-32-be"),
    (re.compile(rb"[\x09\x0a\x0d\x20-\x7e]\x00[^\x00]\x00"), "utf-16-le"),
    (re.compile(rb"\x00[\x09\x0a\x0d\x20-\x7e]\x00[^\x00]"), "utf-16-be"),
)


def wide_codec(head: bytes) -> str | None:
    """Return Python's name of the encoding of a file in UTF-16 or UTF-32; None for any other.

    Args:
        head: The file's first bytes.
    """
    for mark, codec in _WIDE_MARKS:
        if head.startswith(mark):
            return codec
    return next((codec for form, codec in _WIDE_FORMS if form.match(head)), None)


def has_old_mac_lines(head: bytes) -> bool:
    """Return whether the lines of a file end with a carriage return alone.

    Args:
        head: The file's beginning, or its first line; its first row must be whole.
    """
    first, _, rest = head.removeprefix(BYTE_ORDER_MARK).partition(b"\r")
    return (
        b"\n" not in first
        and not rest.startswith(b"\n")
        and bool(rest.split(b"\n", 1)[0].strip())
        and isinstance(parse_line(first)[0], dict)
    )


def holds_rows_of_old_mac(line: bytes) -> bool:
    """Return whether a line is nothing but rows, each ended by a carriage return alone."""
    rows = [row for row in line.split(b"\r") if row.strip()]
    return len(rows) > 1 and all(isinstance(parse_line(row)[0], dict) for row in rows)


def document_start(lines: Iterable[bytes]) -> tuple[int, bytes] | None:
    """Return where one JSON document begins in place of JSON lines: (line from 1, its text without blanks).

    Args:
        lines: The first ones of the file; the last of them may be cut.
    """
    for number, line in enumerate(lines, 1):
        first = line.removeprefix(BYTE_ORDER_MARK if number == 1 else b"").strip()
        if first:
            opens = first in (b"[", b"{") or (first.startswith(b"[") and first.endswith((b",", b"]")))
            return (number, first) if opens else None
    return None


def is_document_of_rows(head: bytes, *, complete: bool) -> bool:
    """Return whether a file is one JSON document whose rows can be put on lines of their own.

    Lines that each hold a list are JSON lines of another kind, and a list of messages is one row.

    Args:
        head: The file's beginning.
        complete: It is the whole file.
    """
    lines = head.split(b"\n")
    if not complete and len(lines) == 1:
        return head.removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"[")
    start = document_start(lines)
    if start is None:
        return False
    number, first = start
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        return True
    if not isinstance(value, list) or any(line.strip() for line in lines[number:]):
        return False
    return not all(isinstance(one, dict) and "role" in one for one in value)
