from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import run_cli
from tests.unit.datasets.builders import assistant, chat, clean_chats, user
from tui.datasets.atomic import new_file
from tui.datasets.check import CheckOptions, check_file
from tui.datasets.fixes import FILE_FIXES, FIXES
from tui.datasets.fixes.fix_file import fix_file
from tui.errors import TunedeckError

EVERY = frozenset({*FILE_FIXES, *FIXES}) - {"duplicate-row", "train-overlap"}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ROWS = st.lists(
    st.builds(lambda asked, said: chat(user("?" + asked), assistant("!" + said)), TEXTS, TEXTS),
    min_size=2,
    max_size=6,
)


def fixed(path: Path, rules: frozenset[str] = frozenset(FILE_FIXES)) -> tuple[bytes, tuple[str, ...]]:
    before, target = path.read_bytes(), path.with_suffix(".out")
    with new_file(target, overwrite=True) as stream:
        result = fix_file(path, rules, stream)
    assert path.read_bytes() == before
    return target.read_bytes(), result.whole_file


def lines_of(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@given(rows=ROWS, block=st.integers(1, 50))
@settings(max_examples=15)
def test_wide_encodings_become_utf8_character_by_character(
    tmp_path: Path, codec: str, rows: list[dict[str, Any]], block: int
) -> None:
    path = tmp_path / "wide.jsonl"
    path.write_bytes(lines_of(rows).decode().encode(codec))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tui.datasets.lines.BLOCK_BYTES", block)
        assert fixed(path) == (lines_of(rows), ("wrong-encoding",))


@given(rows=ROWS, block=st.integers(1, 50), last=st.sampled_from(["\r", ""]))
@settings(max_examples=30)
def test_old_mac_lines_become_lines(
    tmp_path: Path, rows: list[dict[str, Any]], block: int, last: str
) -> None:
    path = tmp_path / "mac.jsonl"
    text = lines_of(rows).replace(b"\n", b"\r").removesuffix(b"\r") + last.encode()
    path.write_bytes(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tui.datasets.lines.BLOCK_BYTES", block)
        patch.setattr("tui.datasets.fixes.file_fixes.HEAD_BYTES", 2_000)
        assert fixed(path) == (lines_of(rows).removesuffix(b"" if last else b"\n"), ("old-mac-lines",))


@given(
    rows=ROWS,
    indent=st.sampled_from([None, 0, 2, "\t"]),
    tail=st.sampled_from(["", "\n", "\r\n \n"]),
    separators=st.sampled_from([(",", ":"), (", ", ": ")]),
)
@settings(max_examples=60)
def test_a_list_of_rows_becomes_a_line_for_each(
    tmp_path: Path,
    rows: list[dict[str, Any]],
    indent: int | str | None,
    tail: str,
    separators: tuple[str, str],
) -> None:
    path = tmp_path / "list.json"
    text = json.dumps(rows, ensure_ascii=False, indent=indent, separators=separators)
    path.write_bytes((text + tail).encode())
    content, applied = fixed(path)
    assert applied == ("json-not-jsonl",)
    assert [json.loads(line) for line in content.decode().split("\n")[:-1]] == rows
    if indent is None:
        each = (json.dumps(row, ensure_ascii=False, separators=separators) for row in rows)
        assert content.decode() == "".join(line + "\n" for line in each)


def test_objects_spread_over_many_lines_become_lines(tmp_path: Path) -> None:
    path = tmp_path / "spread.json"
    path.write_text(",\n".join(json.dumps(row, indent=1) for row in clean_chats(3)), encoding="utf-8")
    content, applied = fixed(path)
    assert applied == ("json-not-jsonl",)
    assert [json.loads(line) for line in content.splitlines()] == clean_chats(3)


def test_all_at_once_is_undone_in_one_pass_and_the_check_finds_nothing_more(tmp_path: Path) -> None:
    path = tmp_path / "worst.json"
    text = json.dumps(clean_chats(), indent=1).replace("\n", "\r").replace("[\r {", "[\r\n {", 1)
    path.write_bytes(text.encode("utf-16"))
    assert [finding.rule for finding in check_file(path).findings] == ["wrong-encoding"]
    content, applied = fixed(path, EVERY)
    assert applied == ("wrong-encoding", "json-not-jsonl")
    path.write_bytes(content)
    assert check_file(path, CheckOptions(count_tokens=False)).findings == ()


def test_what_no_reader_takes_comes_through_for_the_rules_to_name(tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_bytes(
        b'[\n{"messages": NaN},\n{"messages": "\xff\\ud800"},\n{"messages": "a\nb\tc"},\n3,\n"x"\n]'
    )
    content, _ = fixed(path)
    assert content == (b'{"messages": NaN}\n{"messages": "\xff\\ud800"}\n{"messages": "a\\nb\\tc"}\n3\n"x"\n')


@pytest.mark.parametrize(
    "content",
    [
        b'[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]\n' * 2,
        b'[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]\n',
        b'{"messages": []}\r\n{"messages": []}\r\n',
        b'{"messages":\r[]}\n{"messages": []}\n',
        b'{"data": [{"messages": []}]}\n',
        b"\n\n",
        b"",
    ],
)
def test_files_that_are_lines_already_are_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    assert fixed(path) == (content, ())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'[\n{"messages": []},\n{"messages": [', "line 3"),
        (b'[\n{"messages": []}\n{"messages": []}]', "comma"),
        (b"\xff\xfe" + '{"a": "'.encode("utf-16-le") + b"\x00\xd8a\x00", "UTF-16"),
        ('{"messages": []}\n'.encode("utf-16") + b"\x00", "UTF-16"),
    ],
)
def test_what_breaks_off_is_an_error_and_nothing_is_written(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "rows.json"
    path.write_bytes(content)
    with pytest.raises(TunedeckError, match=words):
        fixed(path)
    assert [one.name for one in tmp_path.iterdir()] == ["rows.json"]


@pytest.mark.parametrize("form", ["utf-16", "mac", "list"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, form: str) -> None:
    row = json.dumps(chat(user("x" * 2_000), assistant()))
    path, target = tmp_path / "big.json", tmp_path / "big.jsonl"
    text = {"utf-16": "\n", "mac": "\r", "list": ",\n"}[form].join([row] * 12_000)
    path.write_bytes(
        f"[{text}]".encode() if form == "list" else text.encode("utf-16" if form == "utf-16" else "utf-8")
    )
    del text
    tracemalloc.start()
    with new_file(target) as stream:
        fix_file(path, frozenset(FILE_FIXES), stream)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert target.read_bytes().count(b"\n") >= 11_999
    assert peak < 16_000_000 < path.stat().st_size


def test_the_verb_makes_lines_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_bytes(json.dumps(clean_chats(), indent=2).encode("utf-16"))
    dry = run_cli("fix", str(path), "--dry-run", "--json")
    assert dry.code == 1
    assert dry.json()["whole_file"] == ["wrong-encoding", "json-not-jsonl"]
    done = run_cli("fix", str(path))
    assert done.code == 0, done.stderr
    assert "Write the file as UTF-8 (wrong-encoding): the whole file" in done.stdout
    assert run_cli("check", str(tmp_path / "rows.fixed.jsonl"), "--json").code == 0
    only = run_cli("fix", str(path), "--rule", "json-not-jsonl", "--dry-run", "--json")
    assert only.json()["whole_file"] == []
