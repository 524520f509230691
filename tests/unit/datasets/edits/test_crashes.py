"""What happens to changes when a program is killed, the disk is full, or the file is changed underneath."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.unit.datasets.builders import clean_chats, write
from tui.datasets.edits import EditedDataset, discard_edits, pending_edits, rescue_rows
from tui.datasets.edits.journal import journal_path
from tui.errors import TunedeckError
from tui.paths import HOME_VARIABLE

EDIT_WITHOUT_END = """
import sys
from pathlib import Path
from tui.datasets.edits import EditedDataset
dataset = EditedDataset.open(Path(sys.argv[1]))
dataset.delete(1)
number = 0
while True:
    number += 1
    with dataset.change(f"Change {number}") as editor:
        for _ in range(5):
            editor.edit(2, '{"change": %d}' % number)
            editor.edit(2, '{"change": %d, "whole": true}' % number)
    print(number, flush=True)
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "rows.jsonl", clean_chats())


def changed(path: Path) -> EditedDataset:
    dataset = EditedDataset.open(path)
    dataset.edit(2, b'{"new": "row"}')
    dataset.insert(4, b'{"inserted": true}')
    dataset.delete(6)
    return dataset


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
@pytest.mark.parametrize("after", [1, 7, 30])
def test_a_killed_program_loses_no_change_that_it_had_said_was_made(path: Path, after: int) -> None:
    before = path.read_bytes()
    command = [sys.executable, "-c", EDIT_WITHOUT_END, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        last = 0
        for _ in range(after):
            last = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        last = max([last, *(int(line) for line in process.stdout if line.strip().isdigit())])
    assert process.returncode == -signal.SIGKILL

    pending = pending_edits(path)
    assert pending is not None
    assert pending.problem is None
    assert (pending.changes.edited, pending.changes.deleted) == (1, 1)
    dataset = EditedDataset.open(path)
    row = dataset.row(2).value
    assert isinstance(row, dict)
    assert row["whole"] is True  # a change counts whole or not at all
    assert last <= row["change"] <= last + 1
    assert dataset.undo_label == f"Change {row['change']}"
    for _ in range(row["change"] + 1):
        assert dataset.undo() is not None
    assert dataset.undo() is None
    assert not dataset.is_changed
    dataset.build_index()
    lines = [dataset.line(number) for number in range(1, dataset.row_count + 1)]
    assert lines == before.splitlines()
    dataset.close()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "torn", [b'{"op":"edit","id":2,"te', b'{"op":"delete","id":1,"at":1}\n', b"\0" * 40, b"{}"]
)
def test_what_a_crash_cut_off_is_left_out_and_written_over(path: Path, torn: bytes) -> None:
    dataset = changed(path)
    dataset.build_index()
    rows = [dataset.line(number) for number in range(1, dataset.row_count + 1)]
    dataset.close()
    with open(journal_path(path), "ab") as journal:
        journal.write(torn)
    for _ in range(2):
        again = EditedDataset.open(path)
        again.build_index()
        assert [again.line(number) for number in range(1, again.row_count + 1)] == rows
        again.edit(1, b"{}")
        rows[0] = b"{}"
        again.close()


def test_a_journal_damaged_in_the_middle_is_refused_and_kept(path: Path) -> None:
    changed(path).close()
    place = journal_path(path)
    place.write_bytes(place.read_bytes().replace(b'"op":"do"', b'"op":"??"', 1))
    damaged = place.read_bytes()
    with pytest.raises(TunedeckError, match="damaged"):
        EditedDataset.open(path)
    assert place.read_bytes() == damaged
    discard_edits(path)
    EditedDataset.open(path).close()


def fill_disk(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(name, full)


def test_a_full_disk_refuses_the_change_and_loses_none(
    path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = changed(path)
    rows = [dataset.line(number) for number in range(1, 9)]
    with monkeypatch.context() as patch:
        fill_disk(patch, "tui.datasets.edits.journal._write_at")
        with pytest.raises(TunedeckError, match="No space left"):
            dataset.edit(1, b"{}")
        with pytest.raises(TunedeckError, match="No space left"):
            dataset.undo()
        with pytest.raises(TunedeckError, match="No space left"):
            dataset.delete(2, 3)
        assert [dataset.line(number) for number in range(1, 9)] == rows
    dataset.edit(1, b"{}")
    dataset.undo()
    dataset.close()
    again = EditedDataset.open(path)
    assert [again.line(number) for number in range(1, 9)] == rows
    again.close()


def test_a_full_disk_at_saving_leaves_nothing_behind(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, before = changed(path), path.read_bytes()
    existing = tmp_path / "out" / "old.jsonl"
    existing.parent.mkdir()
    existing.write_bytes(b"{}\n")
    for steps in (("os.fsync",), ("os.link", "os.replace")):
        with monkeypatch.context() as patch:
            for step in steps:
                fill_disk(patch, f"tui.atomic.{step}")
            with pytest.raises(TunedeckError, match="No space left"):
                dataset.save(tmp_path / "out" / "new.jsonl")
            with pytest.raises(TunedeckError, match="No space left"):
                dataset.save(existing, overwrite=True)
            with pytest.raises(TunedeckError, match="No space left"):
                dataset.save_in_place()
        assert os.listdir(tmp_path / "out") == ["old.jsonl"]
        assert existing.read_bytes() == b"{}\n"
        assert path.read_bytes() == before
        assert dataset.is_changed
    dataset.save(tmp_path / "out" / "new.jsonl")
    dataset.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_really_full_device_is_told_in_a_sentence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = changed(path)
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr("tui.datasets.edits.journal._write_at", lambda _, data, __: os.write(full, data))
    with pytest.raises(TunedeckError, match="No space left on device"):
        dataset.edit(1, b"{}")
    os.close(full)
    monkeypatch.undo()
    assert dataset.line(2) == b'{"new": "row"}'


def test_a_target_that_exists_or_is_the_file_is_refused(path: Path, tmp_path: Path) -> None:
    dataset = changed(path)
    other = write(tmp_path / "other.jsonl", clean_chats())
    with pytest.raises(TunedeckError, match="exists already"):
        dataset.save(other)
    with pytest.raises(TunedeckError, match="the file itself"):
        dataset.save(path, overwrite=True)
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    with pytest.raises(TunedeckError, match="the file itself"):
        dataset.save(link, overwrite=True)
    with pytest.raises(TunedeckError, match="folder"):
        dataset.save(tmp_path)
    dataset.close()


def test_a_file_that_changed_while_open_is_not_saved_over(path: Path, tmp_path: Path) -> None:
    dataset = changed(path)
    path.write_bytes(path.read_bytes().replace(b"Question", b"Rumours", 1))
    theirs = path.read_bytes()
    with pytest.raises(TunedeckError, match="changed since it was opened"):
        dataset.save_in_place()
    with pytest.raises(TunedeckError, match="changed since it was opened"):
        dataset.save(tmp_path / "new.jsonl")
    assert path.read_bytes() == theirs
    assert not (tmp_path / "new.jsonl").exists()
    dataset.close()


def test_a_touched_row_that_is_another_one_is_refused_with_ways_out(path: Path, tmp_path: Path) -> None:
    changed(path).close()
    mine = path.read_bytes()
    lines = mine.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[1:]))
    pending = pending_edits(path)
    assert pending is not None
    assert pending.problem is not None
    assert "line 2 is another one" in pending.problem.message
    with pytest.raises(TunedeckError, match="changed by something else") as refused:
        EditedDataset.open(path)
    assert "Put the old file back" in refused.value.remedy

    target = tmp_path / "rescued.jsonl"
    assert rescue_rows(path, target) == 2
    assert target.read_bytes() == b'{"new": "row"}\n{"inserted": true}\n'

    path.write_bytes(mine)
    again = EditedDataset.open(path)
    assert again.line(2) == b'{"new": "row"}'
    again.close()
    path.write_bytes(b"".join(lines[1:]))
    discard_edits(path)
    assert pending_edits(path) is None
    EditedDataset.open(path).close()


def test_rows_added_at_the_end_and_changes_elsewhere_are_no_obstacle(path: Path) -> None:
    changed(path).close()
    grown = path.read_bytes().replace(b"Question 8", b"Riddle No 8") + b'{"more": 1}\n'
    path.write_bytes(grown)
    for _ in range(2):
        dataset = EditedDataset.open(path)
        dataset.build_index()
        assert dataset.line(2) == b'{"new": "row"}'
        assert dataset.line(dataset.row_count) == b'{"more": 1}'
        dataset.close()
    path.write_bytes(grown[: grown.index(b"\n") + 1])
    with pytest.raises(TunedeckError, match="line 2 is gone"):
        EditedDataset.open(path)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_a_program_killed_right_after_replacing_the_file_does_not_change_it_twice(path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from tui.datasets.edits import EditedDataset, changing
dataset = EditedDataset.open(Path(sys.argv[1]))
dataset.delete(1)
changing.Editor.close = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
dataset.save_in_place()
"""
    before = path.read_bytes()
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == before[before.index(b"\n") + 1 :]
    assert pending_edits(path) is None
    dataset = EditedDataset.open(path)
    assert not dataset.is_changed
    dataset.build_index()
    assert dataset.row_count == before.count(b"\n") - 1
    dataset.close()


def test_saving_in_place_keeps_permissions_and_links(path: Path, tmp_path: Path) -> None:
    path.chmod(0o640)
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    dataset = EditedDataset.open(link)
    dataset.delete(1)
    dataset.save_in_place()
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert not dataset.is_changed
    dataset.edit(1, b"{}")
    assert dataset.line(1) == b"{}"
    dataset.close(discard=True)


def test_many_threads_change_and_read_without_losing_anything(path: Path) -> None:
    dataset = EditedDataset.open(path)
    dataset.build_index()
    rows = dataset.row_count

    def insert() -> None:
        for _ in range(20):
            dataset.insert(3, b'{"inserted": true}')
            dataset.line(3)

    threads = [threading.Thread(target=insert) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert dataset.row_count == rows + 80
    assert dataset.changes.inserted == 80
    dataset.close(discard=True)
