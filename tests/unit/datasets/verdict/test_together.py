"""The verdict on lines against what Together's own check does (package together 3.1.1, read 2026-11-29)."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.datasets.builders import chat, clean_chats, write
from tui.datasets.check import CheckOptions, check_file
from tui.datasets.report import Severity

_STRICTER_HERE = {"not-standard-number", "lone-surrogate"}
"""Errors on purpose at every service; docs/verdict.md says why."""
_OF_LINES = {
    "file-empty", "not-enough-examples", "wrong-encoding", "byte-order-mark", "byte-order-mark-inside",
    "not-utf8", "nul-byte", "json-not-jsonl", "invalid-json", "nested-too-deep", "not-an-object",
    "carriage-return-inside", *_STRICTER_HERE,
}  # fmt: skip
"""What is about the lines: messages are looked at by Together's server, whose rules are not published."""


def together_reads(content: bytes) -> bool:
    """Lines end at LF, CR LF and lone CR; blank ones are skipped; at least one, and each a JSON object."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    lines = [line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    try:
        values = [json.loads(line) for line in lines if line]
    except (ValueError, RecursionError):
        return False
    return bool(values) and all(isinstance(value, dict) for value in values)


def errors_of_lines(path: Path) -> set[str]:
    report = check_file(path, CheckOptions(provider="together", minimum_examples=1, count_tokens=False))
    return {one.rule for one in report.findings if one.severity is Severity.ERROR} & _OF_LINES


_PIECES = [
    b"",
    b"\r",
    b"\n",
    b"\r\n",
    b" ",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\0",
    b"NaN",
    b"[",
    b"]",
    b"{}",
    b"3",
]
_ROW = json.dumps(chat()).encode()


@settings(max_examples=400)
@given(
    parts=st.lists(
        st.sampled_from([*_PIECES, _ROW, _ROW + b"\n", _ROW + b"\n", _ROW.replace(b", ", b",\r", 1)]),
        max_size=8,
    )
)
def test_a_file_is_lines_of_objects_here_when_it_is_for_together(tmp_path: Path, parts: list[bytes]) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(parts))
    found = errors_of_lines(path)
    if not found & _STRICTER_HERE:
        assert together_reads(path.read_bytes()) == (not found), found


def test_blank_lines_and_lines_of_an_old_mac_are_taken_and_a_return_inside_is_not(tmp_path: Path) -> None:
    rows = clean_chats(3)
    assert not errors_of_lines(write(tmp_path / "blank.jsonl", [rows[0], "", rows[1]]))
    mac = write(tmp_path / "mac.jsonl", rows)
    mac.write_bytes(mac.read_bytes().replace(b"\n", b"\r"))
    assert not errors_of_lines(mac)
    inside = write(tmp_path / "inside.jsonl", [_ROW.replace(b", ", b",\r", 1)])
    assert errors_of_lines(inside) == {"carriage-return-inside"}
