"""A dataset with changes laid over it: read like the file, changed like a list, saved as a new file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tui.datasets.edits.changing import Editor
from tui.datasets.edits.history import Change
from tui.datasets.edits.resume import take_up_changes
from tui.datasets.edits.save import SaveResult, save_in_place, save_rows
from tui.datasets.edits.snapshot import Snapshot, identities
from tui.datasets.edits.state import ChangeSummary, RowState
from tui.datasets.source import Dataset, Row, parsed_row

if TYPE_CHECKING:
    from tui.datasets.edits.snapshot import Identities


class EditedDataset:
    """A file and the changes to it; every method may be called from any thread.

    Rows are numbered from 1 in the order they have now, blank lines too. The file itself is never written to,
    except by `save_in_place`. Each change is in the journal, on the disk, before the method returns.
    """

    def __init__(self, dataset: Dataset, editor: Editor) -> None:
        self.dataset = dataset
        self.path = dataset.path
        self._editor = editor
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path, *, resume: bool = True) -> EditedDataset:
        """Open a file at once, with the changes that a journal still holds.

        Args:
            path: The file.
            resume: False leaves an old journal alone; the first change sets it aside.

        Raises:
            TunedeckError: As `Dataset.open`; or the journal does not fit the file any more, and the error
                says what can be done (`pending_edits`, `rescue_rows`, `discard_edits`).
        """
        dataset = Dataset.open(path)
        try:
            editor = Editor(dataset)
            if resume:
                take_up_changes(editor, dataset)
        except BaseException:
            dataset.close()
            raise
        return cls(dataset, editor)

    def close(self, *, discard: bool = False) -> None:
        """Close file and journal; a journal without unsaved changes is removed.

        Args:
            discard: Throw unsaved changes away.
        """
        with self._lock:
            self._editor.close(discard=discard)
            self.dataset.close()

    # ---- reading, as Dataset does ----

    @property
    def size(self) -> int:
        """Bytes of the file without the changes."""
        return self.dataset.size

    @property
    def row_count(self) -> int:
        """Rows known so far, with the changes."""
        with self._lock:
            return self._editor.state.order.length(self.dataset.row_count)

    @property
    def index_complete(self) -> bool:
        """True when `row_count` is the number of rows."""
        return self.dataset.index_complete

    def build_index(
        self,
        on_progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Find every line, as `Dataset.build_index`."""
        self.dataset.build_index(on_progress, cancelled)

    def line(self, number: int) -> bytes:
        """Return a row's bytes without the line end.

        Raises:
            TunedeckError: As `Dataset.line`.
        """
        with self._lock:
            return self._editor.content(self._editor.identity(number))

    def row(self, number: int) -> Row:
        """Return a parsed row; `Row.line` is its number here.

        Raises:
            TunedeckError: As `Dataset.row`.
        """
        with self._lock:
            who = self._editor.identity(number)
            if who > 0 and who not in self._editor.state.contents:
                found = self.dataset.row(who)
                return Row(number, found.raw, found.value, found.error, found.error_column)
            return parsed_row(number, self._editor.content(who))

    # ---- what became of the rows ----

    def state(self, number: int) -> RowState:
        """Say whether a row is as it was in the file."""
        with self._lock:
            who = self._editor.identity(number)
            if who < 0:
                return RowState.INSERTED
            return RowState.EDITED if who in self._editor.state.contents else RowState.UNCHANGED

    def identity(self, number: int) -> int:
        """Return the line that a row is in the file, or a negative number that is a new row's own.

        Raises:
            TunedeckError: There is no such row.
        """
        with self._lock:
            return self._editor.identity(number)

    def original_number(self, number: int) -> int | None:
        """Return the line that a row is in the file, or None for a new one."""
        who = self.identity(number)
        return who if who > 0 else None

    def snapshot(self) -> Snapshot:
        """Return all rows as they are now, once the index is complete.

        Raises:
            TunedeckError: The journal can't be read.
        """
        with self._lock:
            contents = {who: self._editor.content(who) for who in self.changed_rows()}
            return Snapshot(self.version, self.order(), contents)

    def order(self) -> Identities:
        """Return who stands at each place, of the rows known so far; 8 bytes for each."""
        with self._lock:
            return identities(self._editor.state.order, self.dataset.row_count)

    def original_line(self, number: int) -> bytes | None:
        """Return what a row was in the file, or None for a new one."""
        original = self.original_number(number)
        return None if original is None else self.dataset.line(original)

    def number_of(self, original: int) -> int | None:
        """Return where a line of the file stands now, or None when it was deleted."""
        with self._lock:
            return self._editor.state.order.position_of(original)

    def is_marked(self, number: int) -> bool:
        """Say whether a row is marked."""
        with self._lock:
            return self._editor.identity(number) in self._editor.state.marks

    def changed_rows(self) -> list[int]:
        """Return who was edited or is new and still there: lines of the file, negative for new rows.

        `number_of` says where each stands.
        """
        with self._lock:
            state = self._editor.state
            return sorted(who for who in state.contents if who not in state.deleted)

    def deleted_lines(self) -> frozenset[int]:
        """Return the lines of the file that were deleted."""
        with self._lock:
            return frozenset(who for who in self._editor.state.deleted if who > 0)

    @property
    def has_marks(self) -> bool:
        """True when some row is marked; quick."""
        state = self._editor.state
        return not state.marks <= state.deleted

    def marked_rows(self) -> list[int]:
        """Return the numbers of the marked rows, in order."""
        with self._lock:
            order = self._editor.state.order
            places = (order.position_of(who) for who in self._editor.state.marks)
            return sorted(place for place in places if place is not None)

    @property
    def changes(self) -> ChangeSummary:
        """How far this is from the file."""
        with self._lock:
            return self._editor.state.summary()

    @property
    def is_changed(self) -> bool:
        """True when something is not saved yet; marks don't count."""
        with self._lock:
            return not self._editor.history.is_saved

    @property
    def version(self) -> int:
        """Another number after each change, undo and redo, for whoever keeps rows drawn."""
        return self._editor.version

    @property
    def undo_label(self) -> str | None:
        """What `undo` would take back, or None."""
        done = self._editor.history.done
        return done[-1].label if done else None

    @property
    def redo_label(self) -> str | None:
        """What `redo` would do again, or None."""
        undone = self._editor.history.undone
        return undone[-1].label if undone else None

    @property
    def read_only_reason(self) -> str | None:
        """Why nothing can be changed, or None."""
        return self._editor.read_only_reason

    # ---- changing ----

    @contextmanager
    def change(self, label: str) -> Iterator[Editor]:
        """Make several changes that count, and are undone, as one; an error in the block takes all back.

        Raises:
            TunedeckError: The journal can't be written; nothing was changed.
        """
        with self._lock, self._editor.transaction(label):
            yield self._editor

    def edit(self, number: int, content: bytes | str) -> None:
        """Put other text into a row; JSON over several lines is put on one.

        Raises:
            TunedeckError: There is no such row, the text can't stand on one line, or the journal can't be
                written.
        """
        with self.change(f"Edit row {number:,}") as editor:
            editor.edit(number, content)

    def insert(self, number: int, content: bytes | str) -> None:
        """Put a new row before row `number`; one above the last appends it, once the index is complete."""
        with self.change(f"Insert row {number:,}") as editor:
            editor.insert(number, content)

    def delete(self, *numbers: int) -> None:
        """Delete rows."""
        label = f"Delete row {numbers[0]:,}" if len(numbers) == 1 else f"Delete {len(numbers):,} rows"
        with self.change(label) as editor:
            for number in sorted(set(numbers), reverse=True):
                editor.delete(number)

    def move(self, number: int, to: int) -> None:
        """Take a row out and put it in again so that its number is `to`."""
        with self.change(f"Move row {number:,} to {to:,}") as editor:
            editor.move(number, to)

    def mark(self, *numbers: int) -> None:
        """Mark rows; a mark follows its row and is not saved into the file."""
        with self.change(f"Mark {len(numbers):,} row(s)") as editor:
            for number in numbers:
                editor.mark(number, marked=True)

    def unmark(self, *numbers: int) -> None:
        """Take marks away."""
        with self.change(f"Unmark {len(numbers):,} row(s)") as editor:
            for number in numbers:
                editor.mark(number, marked=False)

    def replace(self, number: int, rows: tuple[bytes, ...], label: str) -> None:
        """Put any number of rows in place of one: what applying a fix does."""
        with self.change(label) as editor:
            editor.replace(number, rows)

    @property
    def touched_row(self) -> int | None:
        """Number of a row that the newest change, undo or redo touched, or of the place where it was."""
        with self._lock:
            return self._editor.touched_row()

    def undo(self) -> Change | None:
        """Take back the newest change and return it, or None when there is none."""
        with self._lock:
            return self._editor.undo()

    def redo(self) -> Change | None:
        """Do again what was undone last and return it, or None when there is none."""
        with self._lock:
            return self._editor.redo()

    # ---- saving ----

    @contextmanager
    def _saving(self) -> Iterator[None]:
        """Refuse changes meanwhile, and leave the lock to who reads: a gigabyte takes seconds to write."""
        with self._lock:
            self._editor.begin_saving()
        try:
            yield
        finally:
            self._editor.end_saving()

    def _content(self, who: int) -> bytes:
        with self._lock:
            return self._editor.content(who)

    def save(
        self,
        target: Path,
        *,
        overwrite: bool = False,
        on_progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> SaveResult:
        """Write a new file; rows that were not touched keep their bytes, line ends too.

        Args:
            target: Any name but the file's own.
            overwrite: Whether a file of that name may be replaced.
            on_progress: Called with (bytes done, bytes in all).
            cancelled: True ends it, without a trace.

        Raises:
            TunedeckError: The target exists or is the file itself, can't be written, or the file changed. The
                journal still holds every change.
        """
        self.build_index(cancelled=cancelled)
        with self._saving():
            result = save_rows(
                self.dataset, self._editor, self._content, target, overwrite, on_progress, cancelled
            )
        with self._lock:
            self._editor.note_saved(target)
        return result

    def save_in_place(
        self,
        *,
        on_progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> SaveResult:
        """Replace the file itself, if it is still what was opened; the changes can't be undone after it.

        Raises:
            TunedeckError: As `save`.
        """
        self.build_index(cancelled=cancelled)
        with self._saving():
            result = save_in_place(self.dataset, self._editor, self._content, on_progress, cancelled)
        with self._lock:
            self._editor.close(discard=True)
            self.dataset.close()
            self.dataset = Dataset.open(self.path)
            version = self._editor.version
            self._editor = Editor(self.dataset)
            self._editor.version = version + 1
            return result
