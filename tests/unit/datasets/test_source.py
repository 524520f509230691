from __future__ import annotations

import os
import random
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.datasets.builders import clean_chats, write
from tui.datasets import source
from tui.datasets.source import Dataset
from tui.errors import TunedeckError


def physical_lines(content: bytes) -> list[bytes]:
    lines = content.split(b"\n")
    return [line.removesuffix(b"\r") for line in (lines[:-1] if lines[-1] == b"" else lines)]


def test_the_first_rows_are_there_before_any_index(tmp_path: Path) -> None:
    dataset = Dataset.open(write(tmp_path / "rows.jsonl", clean_chats()))
    assert dataset.row_count == 0
    assert not dataset.index_complete
    row = dataset.row(3)
    assert row.line == 3
    assert isinstance(row.value, dict)
    assert row.value["messages"][0]["content"] == "Question 2"
    dataset.close()


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")), max_size=60), st.booleans()
)
def test_every_line_is_found_whatever_the_bytes(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], ends: bool
) -> None:
    content = b"\n".join(lines) + (b"\n" if ends else b"")
    path = tmp_path_factory.mktemp("lines") / "rows"
    path.write_bytes(content)
    if not content:
        with pytest.raises(TunedeckError, match="empty"):
            Dataset.open(path)
        return
    dataset = Dataset.open(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "_FIRST_BLOCK", 7)
        patch.setattr(source, "_BLOCK", 11)
        dataset.build_index()
    expected = physical_lines(content)
    assert dataset.index_complete
    assert dataset.row_count == len(expected)
    assert [dataset.line(number) for number in range(1, len(expected) + 1)] == expected
    for number in range(1, len(expected) + 1):
        dataset.row(number)
    dataset.close()


def test_many_threads_read_while_the_index_grows(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    path.write_bytes(b"".join(b'{"n": %d}\n' % number for number in range(1, 200_001)))
    dataset = Dataset.open(path)
    wrong: list[int] = []

    def read(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(300):
            number = chance.randint(1, 200_000)
            if dataset.row(number).value != {"n": number}:
                wrong.append(number)

    readers = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for reader in readers:
        reader.start()
    dataset.build_index()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert dataset.row_count == 200_000
    dataset.close()


def test_the_index_reports_progress_and_can_be_stopped_and_continued(tmp_path: Path) -> None:
    path = tmp_path / "big.jsonl"
    path.write_bytes(b"x" * 100 + b"\n" + b"y" * 3_000_000)
    dataset = Dataset.open(path)
    seen: list[tuple[int, int]] = []
    dataset.build_index(lambda done, total: seen.append((done, total)), lambda: len(seen) == 1)
    assert len(seen) == 1
    assert not dataset.index_complete
    dataset.build_index(lambda done, total: seen.append((done, total)))
    assert seen[-1] == (dataset.size, dataset.size)
    assert dataset.row_count == 2
    dataset.close()


@pytest.mark.parametrize("change", ["shrink", "rewrite", "replace", "delete"])
def test_a_file_that_changes_while_open_is_a_clear_error(tmp_path: Path, change: str) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats())
    dataset = Dataset.open(path)
    dataset.build_index()
    if change == "shrink":
        os.truncate(path, 10)
    elif change == "rewrite":
        path.write_bytes(path.read_bytes().replace(b"Q", b"R"))
    elif change == "replace":
        other = write(tmp_path / "other.jsonl", clean_chats(3))
        os.replace(other, path)
    else:
        path.unlink()
    with pytest.raises(TunedeckError, match="has changed"):
        dataset.row(40)
    dataset.close()


def test_a_file_that_shrinks_before_its_index_is_a_clear_error(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats())
    dataset = Dataset.open(path)
    os.truncate(path, 10)
    with pytest.raises(TunedeckError, match="has changed"):
        dataset.build_index()


def test_what_is_no_readable_file_is_refused_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(TunedeckError, match="does not exist"):
        Dataset.open(tmp_path / "nothing")
    with pytest.raises(TunedeckError, match="is a folder"):
        Dataset.open(tmp_path)
    (tmp_path / "empty").touch()
    with pytest.raises(TunedeckError, match="is empty"):
        Dataset.open(tmp_path / "empty")
    with pytest.raises(TunedeckError):
        Dataset.open(Path("a\0b"))


def test_lines_that_do_not_exist_and_closed_files_are_errors(tmp_path: Path) -> None:
    dataset = Dataset.open(write(tmp_path / "rows.jsonl", clean_chats(3)))
    for number in (0, -1, 4):
        with pytest.raises(TunedeckError, match="no line"):
            dataset.row(number)
    dataset.close()
    dataset.close()
    with pytest.raises(TunedeckError, match="closed"):
        dataset.row(1)


def test_rows_tell_their_error_and_keep_their_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n{"a": }\n\n{"b": "\xff"}')
    dataset = Dataset.open(path)
    good, bad, blank, latin = (dataset.row(number) for number in (1, 2, 3, 4))
    assert (good.value, good.error) == ({"a": 1}, None)
    assert (bad.value, bad.error_column, bad.raw) == (None, 7, '{"a": }')
    assert (blank.value, blank.error, blank.raw) == (None, None, "")
    assert latin.raw == '{"b": "\ufffd"}'
    assert latin.error is not None
    assert "0xFF" in latin.error
    dataset.close()


def test_a_giant_row_shows_its_beginning_only(tmp_path: Path) -> None:
    path = tmp_path / "giant.jsonl"
    path.write_bytes(b'{"a": "' + b"x" * 100_000_000 + b'"}\n{"b": 1}\n')
    dataset = Dataset.open(path)
    dataset.build_index()
    assert dataset.row(2).value == {"b": 1}
    giant = dataset.row(1)
    assert giant.value is None
    assert giant.error == "This line has 100 MB; only its beginning is shown."
    assert len(giant.raw) < 100_000
    dataset.close()


def test_reading_works_without_pread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pread", raising=False)
    dataset = Dataset.open(write(tmp_path / "rows.jsonl", clean_chats()))
    dataset.build_index()
    assert dataset.row_count == 50
    assert b"Question 49" in dataset.line(50)
    dataset.close()
