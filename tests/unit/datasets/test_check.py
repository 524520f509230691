from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.datasets.builders import assistant, chat, check_rows, clean_chats, found, user, write
from tests.unit.datasets.test_conversation import SHAPED
from tui.datasets.check import CheckCancelled, CheckOptions, check_file
from tui.datasets.conversation import conversation, preview
from tui.datasets.formats import DatasetFormat
from tui.datasets.lines import LineReader
from tui.datasets.source import Dataset
from tui.errors import TunedeckError


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=12).map(b"\n".join), st.sampled_from(list(DatasetFormat)))
def test_random_bytes_always_give_a_report(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, dataset_format: DatasetFormat
) -> None:
    path = tmp_path_factory.mktemp("random") / "rows"
    path.write_bytes(content)
    report = check_file(path, CheckOptions(format=dataset_format))
    assert not report.valid
    assert report.sha256 == hashlib.sha256(content).hexdigest()
    assert report.bytes == len(content)


@settings(max_examples=300, deadline=None)
@given(st.lists(SHAPED, min_size=1, max_size=6), st.sampled_from(list(DatasetFormat)))
def test_json_of_any_shape_always_gives_a_report(
    tmp_path_factory: pytest.TempPathFactory, rows: list[object], dataset_format: DatasetFormat
) -> None:
    lines = [json.dumps(row) for row in rows]
    report = check_rows(tmp_path_factory.mktemp("shapes"), lines, dataset_format, count_tokens=True)
    assert report.rows == len(rows)
    assert sum(report.tokens.by_role.values()) == report.tokens.total


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 40), st.integers(0, 60))
def test_lines_are_the_same_however_the_blocks_fall(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, block: int, longest: int
) -> None:
    path = tmp_path_factory.mktemp("blocks") / "rows"
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch, open(path, "rb", buffering=0) as stream:
        patch.setattr("tui.datasets.lines.BLOCK_BYTES", block)
        longest += block
        reader = LineReader(stream, max_line_bytes=longest)
        lines = {
            first + offset: line for first, batch in reader.batches() for offset, line in enumerate(batch)
        }
    expected = content.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    assert sorted(lines) == list(range(1, len(expected) + 1))
    for number, line in enumerate(expected, 1):
        if len(line) > longest:
            assert reader.too_long[number] == len(line)
            assert line.startswith(lines[number])
        else:
            assert lines[number] == line
            assert number not in reader.too_long


def test_a_line_above_the_limit_is_named_and_the_rest_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.datasets.lines.BLOCK_BYTES", 1_000)
    monkeypatch.setattr(LineReader.__init__, "__kwdefaults__", {"max_line_bytes": 2_000, "first_number": 1})
    rows = [*clean_chats(20), chat(user("x" * 9_000), assistant()), *clean_chats(50)[20:]]
    report = check_rows(tmp_path, rows)
    assert [(finding.rule, finding.line) for finding in report.findings] == [("line-too-long", 21)]
    assert report.rows == 51


def test_a_hundred_megabyte_line_is_one_row_like_any_other(tmp_path: Path) -> None:
    rows = [*clean_chats(50), chat(user("x" * 100_000_000), assistant(weight=3))]
    started = time.process_time()
    report = check_rows(tmp_path, rows)
    assert [(finding.rule, finding.line) for finding in report.findings] == [("weight-value", 51)]
    assert time.process_time() - started < 20


def test_progress_grows_to_the_size_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [chat(user("x" * 1_000), assistant())] * 3_000)
    seen: list[tuple[int, int]] = []
    report = check_file(
        path, CheckOptions(count_tokens=False), on_progress=lambda done, total: seen.append((done, total))
    )
    assert seen == sorted(seen)
    assert seen[-1] == (report.bytes, report.bytes)
    assert len(seen) > 3


def test_a_check_can_be_cancelled(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats())
    with pytest.raises(CheckCancelled):
        check_file(path, cancelled=lambda: True)


def test_a_file_written_to_during_the_check_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats())

    def disturb(_done: int, _total: int) -> None:
        with path.open("ab") as file:
            file.write(b"{}\n")

    with pytest.raises(TunedeckError, match="written to while it was read"):
        check_file(path, on_progress=disturb)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are a thing of Unix")
def test_a_pipe_can_be_checked(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = write(tmp_path / "rows.jsonl", clean_chats()).read_bytes()
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    report = check_file(pipe, CheckOptions(count_tokens=False))
    writer.join()
    assert report.valid
    assert report.sha256 == hashlib.sha256(content).hexdigest()


def test_unreadable_paths_are_errors_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(TunedeckError, match="does not exist"):
        check_file(tmp_path / "nothing")
    with pytest.raises(TunedeckError, match="is a folder"):
        check_file(tmp_path)


def test_the_format_can_be_forced_and_is_found_out_otherwise(tmp_path: Path) -> None:
    rows = clean_chats()
    assert check_rows(tmp_path, rows).format is DatasetFormat.CHAT
    forced = check_rows(tmp_path, rows, DatasetFormat.PREFERENCE)
    assert forced.format is DatasetFormat.PREFERENCE
    assert len(found(forced, "missing-key")) == 150


def test_a_good_beginning_unknown_to_the_sniffer_does_not_decide_the_rest(tmp_path: Path) -> None:
    assert check_rows(tmp_path, ["broken", "{}", *clean_chats()]).format is DatasetFormat.CHAT
    assert check_rows(tmp_path, ["broken", "{}"]).format is DatasetFormat.UNKNOWN


def test_time_grows_with_the_file_and_not_faster_even_when_all_is_wrong(tmp_path: Path) -> None:
    def seconds(rows: int) -> float:
        path = write(tmp_path / f"{rows}.jsonl", [chat(user("x", a=1, b=2), user(3), weight=1)] * rows)
        started = time.process_time()
        check_file(path, CheckOptions(count_tokens=False))
        return time.process_time() - started

    seconds(500)
    small, large = seconds(4_000), seconds(32_000)
    assert large < 24 * max(small, 0.05)


@pytest.mark.parametrize("depth", [250, 300, 900, 1_000])
@pytest.mark.parametrize(
    "row",
    [
        '{"messages": DEEP}',
        '{"messages": [DEEP]}',
        '{"messages": [{"role": DEEP}]}',
        '{"messages": [{"role": "user", "content": DEEP, "name": DEEP}, {"role": "assistant", "weight": 1}]}',
        '{"messages": [{"role": "user", "content": [DEEP, {"type": "text", "text": DEEP}]}], "tools": DEEP}',
        '{"messages": [{"role": "assistant", "tool_calls": [{"id": DEEP, "function": DEEP}]}]}',
        '{"input": DEEP, "preferred_output": DEEP, "non_preferred_output": DEEP}',
        '{"input": {"messages": DEEP}, "preferred_output": [DEEP], "non_preferred_output": [DEEP]}',
        '{"prompt": DEEP, "completion": DEEP}',
        '{"messages": [{"role": "user", "content": "x"}], "answer": DEEP}',
    ],
)
def test_deep_nesting_anywhere_is_a_finding_and_no_crash(tmp_path: Path, row: str, depth: int) -> None:
    deep = '{"a": [' * (depth // 2) + "]}" * (depth // 2)
    line = row.replace("DEEP", deep)
    report = check_rows(tmp_path, [line], count_tokens=True)
    assert not report.valid
    dataset = Dataset.open(tmp_path / "rows.jsonl")
    for dataset_format in DatasetFormat:
        conversation(dataset.row(1), dataset_format)
        preview(dataset.row(1), dataset_format, 60)
    dataset.close()


def test_an_empty_list_of_parts_is_called_one(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [*clean_chats(10), chat(user([]), assistant())])
    found = [one for one in check_file(path, CheckOptions(count_tokens=False)).findings if one.line == 11]
    assert [one.message for one in found if one.rule == "content-type"] == [
        "The content of messages[0] is an empty list, not text or a list of parts."
    ]
