from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.datasets.builders import clean_chats, write
from tui.datasets.edits import EditedDataset, RowState, discard_edits, pending_edits
from tui.datasets.source import Dataset
from tui.errors import TunedeckError
from tui.paths import HOME_VARIABLE

LINE = st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"").strip(b"\r"))
Model = list[tuple[bytes, bytes | None]]
"""(content, line end in the file or None for a new row)."""


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


class EditingIsAList(RuleBasedStateMachine):
    """Any changes, undone and redone, reopened from the journal, are what the same calls do to a list."""

    @initialize(
        lines=st.lists(LINE, min_size=1, max_size=8).filter(lambda lines: lines != [b""]),
        line_end=st.sampled_from([b"\n", b"\r\n"]),
        ends=st.booleans(),
    )
    def start(self, lines: list[bytes], line_end: bytes, ends: bool) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.old_home = os.environ.get(HOME_VARIABLE)
        os.environ[HOME_VARIABLE] = f"{self.folder.name}/home"
        self.path = Path(self.folder.name) / "rows.jsonl"
        if not lines[-1]:
            ends = True
        self.content = line_end.join(lines) + (line_end if ends else b"")
        self.path.write_bytes(self.content)
        self.newline = line_end if len(lines) > 1 or ends else b"\n"
        self.rows: Model = [(line, line_end) for line in lines]
        if not ends:
            self.rows[-1] = (lines[-1], b"")
        self.original = list(self.rows)
        self.past: list[Model] = []
        self.future: list[Model] = []
        self.dataset = EditedDataset.open(self.path)

    def teardown(self) -> None:
        if hasattr(self, "dataset"):
            self.dataset.close()
            self.folder.cleanup()
            if self.old_home is None:
                os.environ.pop(HOME_VARIABLE, None)
            else:
                os.environ[HOME_VARIABLE] = self.old_home

    def remember(self) -> None:
        self.past.append(list(self.rows))
        self.future.clear()

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), line=LINE)
    def edit(self, data: st.DataObject, line: bytes) -> None:
        at = data.draw(st.integers(1, len(self.rows)))
        if line != self.rows[at - 1][0]:
            self.remember()
        self.dataset.edit(at, line)
        self.rows[at - 1] = (line, self.rows[at - 1][1])

    @rule(data=st.data(), line=LINE)
    def insert(self, data: st.DataObject, line: bytes) -> None:
        at = data.draw(st.integers(1, len(self.rows) + 1))
        self.remember()
        self.dataset.insert(at, line)
        self.rows.insert(at - 1, (line, None))

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        numbers = data.draw(st.sets(st.integers(1, len(self.rows)), min_size=1, max_size=3))
        self.remember()
        self.dataset.delete(*numbers)
        self.rows = [row for number, row in enumerate(self.rows, 1) if number not in numbers]

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        number, to = (data.draw(st.integers(1, len(self.rows))) for _ in range(2))
        if number != to:
            self.remember()
        self.dataset.move(number, to)
        self.rows.insert(to - 1, self.rows.pop(number - 1))

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), lines=st.lists(LINE, max_size=3))
    def replace(self, data: st.DataObject, lines: list[bytes]) -> None:
        at = data.draw(st.integers(1, len(self.rows)))
        old = self.rows[at - 1]
        if [old[0]] != lines:
            self.remember()
        self.dataset.replace(at, tuple(lines), "Fix")
        new: Model = [(line, None) for line in lines]
        if lines:
            new[0] = (lines[0], old[1])
        self.rows[at - 1 : at] = new

    @rule(data=st.data(), line=LINE)
    def fail_in_the_middle(self, data: st.DataObject, line: bytes) -> None:
        def three_things() -> None:
            with self.dataset.change("Three things") as editor:
                editor.insert(1, line)
                editor.delete(1)
                editor.delete(len(self.rows) + 1)

        with pytest.raises(TunedeckError, match="no"):
            three_things()

    @rule()
    def undo(self) -> None:
        change = self.dataset.undo()
        assert (change is None) == (not self.past)
        if self.past:
            self.future.append(self.rows)
            self.rows = self.past.pop()

    @rule()
    def redo(self) -> None:
        change = self.dataset.redo()
        assert (change is None) == (not self.future)
        if self.future:
            self.past.append(self.rows)
            self.rows = self.future.pop()

    @rule()
    def reopen(self) -> None:
        changed = self.dataset.is_changed
        self.dataset.close()
        assert (pending_edits(self.path) is not None) == changed
        self.dataset = EditedDataset.open(self.path)
        if not changed:
            # All of it is in another file; this one is what it was.
            self.rows, self.past, self.future = list(self.original), [], []

    @rule()
    def save(self) -> None:
        target = Path(self.folder.name) / "saved.jsonl"
        self.dataset.save(target, overwrite=True)
        expected = b""
        for number, (line, line_end) in enumerate(self.rows, 1):
            end = self.newline if line_end is None or (not line_end and number < len(self.rows)) else line_end
            expected += line + end
        assert target.read_bytes() == expected
        assert not self.dataset.is_changed
        assert self.path.read_bytes() == self.content

    @rule()
    def save_in_place(self) -> None:
        if not self.rows or all(not line for line, _ in self.rows[-1:]):
            return
        target = Path(self.folder.name) / "same.jsonl"
        self.dataset.save(target, overwrite=True)
        self.dataset.save_in_place()
        self.content = self.path.read_bytes()
        assert self.content == target.read_bytes()
        ends = [self.newline if end is None else end for _, end in self.rows]
        ends[:-1] = [end or self.newline for end in ends[:-1]]
        self.rows = [(line, end) for (line, _), end in zip(self.rows, ends, strict=True)]
        self.newline = ends[0] or b"\n"
        self.original = list(self.rows)
        self.past, self.future = [], []

    @invariant()
    def reads_like_the_list(self) -> None:
        if not hasattr(self, "dataset"):
            return
        self.dataset.build_index()
        assert self.dataset.row_count == len(self.rows)
        assert [self.dataset.line(at) for at in range(1, len(self.rows) + 1)] == [row for row, _ in self.rows]
        with pytest.raises(TunedeckError):
            self.dataset.line(len(self.rows) + 1)


EditingIsAList.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestEditingIsAList = EditingIsAList.TestCase


def test_a_file_opens_without_an_index_and_a_row_can_be_edited_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats())
    with_changes = EditedDataset.open(path)
    assert with_changes.row_count == 0
    with_changes.edit(3, b'{"messages": []}')
    assert with_changes.row(3).value == {"messages": []}
    assert with_changes.row(3).line == 3
    assert with_changes.state(3) is RowState.EDITED
    assert with_changes.state(4) is RowState.UNCHANGED
    plain = Dataset.open(path)
    assert with_changes.original_line(3) == plain.line(3)
    assert with_changes.row(4) == plain.row(4)
    plain.close()
    with_changes.close()


def test_marks_follow_their_row_are_undone_and_change_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats())
    dataset = EditedDataset.open(path)
    dataset.mark(2, 5)
    dataset.delete(1)
    assert dataset.marked_rows() == [1, 4]
    assert dataset.is_marked(1)
    assert dataset.changes.marked == 2
    dataset.undo()
    assert not dataset.is_changed
    dataset.close()

    again = EditedDataset.open(path)
    assert again.marked_rows() == [2, 5]
    again.unmark(2)
    again.undo()
    again.undo()
    assert again.marked_rows() == []
    again.close()


def test_changes_are_counted_and_named(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats())
    dataset = EditedDataset.open(path)
    dataset.edit(1, b"{}")
    dataset.insert(2, b"{}")
    dataset.delete(5, 6)
    dataset.move(1, 3)
    assert (dataset.changes.edited, dataset.changes.inserted, dataset.changes.deleted) == (1, 1, 2)
    assert (dataset.changes.moved, dataset.changes.total) == (1, 5)
    assert dataset.undo_label == "Move row 1 to 3"
    assert dataset.number_of(1) == 3
    assert dataset.number_of(4) is None
    change = dataset.undo()
    assert change is not None
    assert dataset.redo_label == change.label == "Move row 1 to 3"
    dataset.close(discard=True)
    assert pending_edits(path) is None


def test_json_over_several_lines_is_put_on_one_and_other_text_is_refused(tmp_path: Path) -> None:
    dataset = EditedDataset.open(write(tmp_path / "rows.jsonl", clean_chats()))
    dataset.edit(1, '{\n  "messages": []\n}\n')
    assert dataset.line(1) == b'{"messages":[]}'
    with pytest.raises(TunedeckError, match="several lines"):
        dataset.edit(1, "one\ntwo")
    dataset.close()


def test_only_one_program_changes_a_file_and_the_other_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats())
    first = EditedDataset.open(path)
    first.edit(1, b"{}")
    second = EditedDataset.open(path)
    assert second.read_only_reason
    assert second.line(1) != b"{}"
    with pytest.raises(TunedeckError, match="Another tunedeck"):
        second.delete(1)
    with pytest.raises(TunedeckError, match="Another tunedeck"):
        discard_edits(path)
    second.close()
    first.close()


def test_two_that_begin_to_change_at_once_do_not_both(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats())
    first, second = EditedDataset.open(path), EditedDataset.open(path)
    first.delete(1)
    with pytest.raises(TunedeckError, match="Another tunedeck"):
        second.delete(2)
    assert second.read_only_reason
    second.close()
    first.close()


def test_opening_without_the_old_changes_keeps_them_aside(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats())
    first = EditedDataset.open(path)
    first.edit(1, b"{}")
    first.close()
    fresh = EditedDataset.open(path, resume=False)
    assert fresh.line(1) != b"{}"
    assert pending_edits(path) is not None
    fresh.delete(2)
    fresh.close()
    pending = pending_edits(path)
    assert pending is not None
    assert pending.changes.deleted == 1
    assert pending.changes.edited == 0
    assert len(list((tmp_path / "home" / "data" / "edits").glob("*.old.jsonl"))) == 1


@pytest.mark.parametrize("in_place", [False, True])
def test_rows_are_read_and_changes_refused_while_the_file_is_being_saved(
    tmp_path: Path, in_place: bool
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(b'{"a":%d}\n' % number for number in range(9)))
    dataset = EditedDataset.open(path)
    dataset.edit(2, b'{"b":1}')
    seen: list[bytes] = []

    def look(_done: int, _total: int) -> None:
        with ThreadPoolExecutor(1) as pool:
            seen.append(pool.submit(dataset.line, 2).result(5))
            with pytest.raises(TunedeckError, match="is being saved"):
                pool.submit(dataset.delete, 1).result(5)

    if in_place:
        dataset.save_in_place(on_progress=look)
    else:
        dataset.save(tmp_path / "new.jsonl", on_progress=look)
    assert set(seen) == {b'{"b":1}'}
    dataset.delete(1)
    assert dataset.line(1) == b'{"b":1}'
    dataset.close(discard=True)


def test_an_undo_tells_which_row_it_touched(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(b'{"a":%d}\n' % number for number in range(9)))
    dataset = EditedDataset.open(path)
    dataset.delete(7)
    assert dataset.touched_row == 7
    dataset.delete(2)
    dataset.undo()
    assert dataset.touched_row == 2
    dataset.undo()
    assert dataset.touched_row == 7
    dataset.close(discard=True)
