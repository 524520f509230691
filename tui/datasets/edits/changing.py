"""Makes changes: checks them, writes them into the journal, then lets them count."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from tui.datasets.edits.fingerprint import Fingerprint, row_digest
from tui.datasets.edits.history import Change, History, Replay
from tui.datasets.edits.journal import FORMAT, Journal, JournalInUse, journal_path, operation_entry
from tui.datasets.edits.state import EditState, Kind, Operation
from tui.datasets.source import Dataset
from tui.errors import TunedeckError


class Editor:
    """The changes to one open file; not safe for threads by itself, `EditedDataset` is."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self.state = EditState()
        self.history = History()
        self.version = 0
        self.read_only_reason: str | None = None
        self._journal: Journal | None = None
        self._open: list[Operation] | None = None
        self._lowest = 0
        self._saving = False
        self._touched: Operation | None = None

    def begin_saving(self) -> None:
        """Refuse changes until `end_saving`; noting in the journal what is saved goes on.

        Raises:
            TunedeckError: It is being saved already.
        """
        self._refuse_while_saving()
        self._saving = True

    def end_saving(self) -> None:
        """Take changes again."""
        self._saving = False

    def _refuse_while_saving(self) -> None:
        if self._saving:
            raise TunedeckError(
                f"{self._dataset.path} is being saved.", "Wait until that is done, or stop it."
            )

    def touched_row(self) -> int | None:
        """Return where the row stands, or stood, that the newest change, undo or redo began with."""
        if self._touched is None:
            return None
        return self.state.order.position_of(self._touched.identity) or self._touched.at or None

    def take_over(self, journal: Journal, found: Replay) -> None:
        """Go on with a journal that was replayed."""
        self._journal = journal
        self.state, self.history = found.state, found.history
        self._lowest = found.lowest_identity

    # ---- reading ----

    def identity(self, number: int) -> int:
        """Return who stands at a number.

        Raises:
            TunedeckError: Nobody does, or the line is not found yet.
        """
        try:
            who = self.state.order.identity(number)
        except IndexError:
            raise TunedeckError(f"{self._dataset.path} has no row {number:,}.") from None
        if who > 0:
            self._dataset.span(who)
        return who

    def content(self, who: int) -> bytes:
        """Return a row's bytes without the line end."""
        place = self.state.contents.get(who)
        if place is None or self._journal is None:
            return self._dataset.line(who)
        return self._journal.content(place)

    # ---- changing, within a transaction ----

    def edit(self, number: int, content: bytes | str) -> None:
        """Put other text into a row."""
        line, who = one_line(content), self.identity(number)
        if line != self.content(who):
            self._do(Operation(Kind.EDIT, who, was=self.state.contents.get(who, 0)), line)

    def insert(self, number: int, content: bytes | str) -> None:
        """Put a new row before row `number`."""
        line = one_line(content)
        self._check_place(number)
        self._lowest -= 1
        self._do(Operation(Kind.INSERT, self._lowest, at=number), line)

    def delete(self, number: int) -> None:
        """Delete a row."""
        self._do(Operation(Kind.DELETE, self.identity(number), at=number))

    def move(self, number: int, to: int) -> None:
        """Take a row out and put it in again as number `to`."""
        who = self.identity(number)
        if number == to:
            return
        self._check_place(to + 1 if to > number else to)
        self._do(Operation(Kind.MOVE, who, at=number, to=to))

    def mark(self, number: int, *, marked: bool) -> None:
        """Mark a row, or take its mark away."""
        who = self.identity(number)
        if (who in self.state.marks) != marked:
            self._do(Operation(Kind.MARK if marked else Kind.UNMARK, who))

    def replace(self, number: int, rows: tuple[bytes, ...]) -> None:
        """Put any number of rows in place of one."""
        if not rows:
            self.delete(number)
            return
        self.edit(number, rows[0])
        for offset, row in enumerate(rows[1:], 1):
            self.insert(number + offset, row)

    def _check_place(self, number: int) -> None:
        """See that something can stand at a number: it is the first, or there is a row before it."""
        if number != 1:
            self.identity(number - 1)

    def _do(self, operation: Operation, content: bytes | None = None) -> None:
        if self._open is None or self._journal is None:
            raise RuntimeError("changes are made within a transaction")
        digest = row_digest(self._dataset.line(operation.identity)) if operation.identity > 0 else None
        place = self._journal.add(operation_entry(operation, content, digest))
        if content is not None:
            operation = Operation(
                operation.kind, operation.identity, operation.at, operation.to, place, operation.was
            )
        self.state.apply(operation)
        self._open.append(operation)

    @contextmanager
    def transaction(self, label: str) -> Iterator[None]:
        """Let changes count together, once they are on the disk; within another one, join it."""
        if self._open is not None:
            yield
            return
        self._refuse_while_saving()
        journal = self._journal_to_write()
        start = journal.end
        self._open = []
        try:
            yield
            if self._open:
                end = journal.end
                journal.add({"op": "do", "label": label})
                journal.commit()
                changes = any(done.kind not in (Kind.MARK, Kind.UNMARK) for done in self._open)
                self.history.note(label, start, end, changes_rows=changes)
                self._touched = self._open[0]
                self.version += 1
        except BaseException:
            for operation in reversed(self._open):
                self.state.revert(operation)
            journal.cut(start)
            raise
        finally:
            self._open = None

    def undo(self) -> Change | None:
        """Take back the newest change."""
        if not self.history.done:
            return None
        self._refuse_while_saving()
        self._note_line({"op": "undo"})
        change, operations = self.history.undo(self.state, self._journal_to_write())
        self._touched = operations[0]
        self.version += 1
        return change

    def redo(self) -> Change | None:
        """Do again what was undone last."""
        if not self.history.undone:
            return None
        self._refuse_while_saving()
        self._note_line({"op": "redo"})
        change, operations = self.history.redo(self.state, self._journal_to_write())
        self._touched = operations[0]
        self.version += 1
        return change

    # ---- the journal ----

    def note_saved(self, target: Path) -> None:
        """Remember that all of this is in a file."""
        if self._journal is not None:
            self._note_line({"op": "saved", "as": str(target)})
            self.history.saved()

    def note_replacing(self, fingerprint: Fingerprint) -> None:
        """Remember which file is about to take the original's place."""
        if self._journal is not None:
            self._note_line({"op": "replacing", "file": fingerprint.as_json()})

    def close(self, *, discard: bool = False) -> None:
        """Let go of the journal; remove it when nothing in it is unsaved."""
        if self._journal is None:
            return
        if discard or (self.history.is_saved and not self.state.marks):
            self._journal.remove()
        else:
            self._journal.close()
        self._journal = None

    def _note_line(self, entry: dict[str, Any]) -> None:
        journal = self._journal_to_write()
        start = journal.end
        try:
            journal.add(entry)
            journal.commit()
        except TunedeckError:
            journal.cut(start)
            raise

    def _journal_to_write(self) -> Journal:
        if self.read_only_reason:
            raise TunedeckError(self.read_only_reason, "Save or close it there first, then open this again.")
        if self._journal is None:
            header = {
                "tunedeck_edits": FORMAT,
                "path": str(self._dataset.path.absolute()),
                "file": Fingerprint.of(self._dataset.path).as_json(),
                "started": int(time.time()),
            }
            try:
                self._journal = Journal.create(journal_path(self._dataset.path), header)
            except JournalInUse as error:
                self.read_only_reason = error.message
                raise
        return self._journal


def one_line(content: bytes | str) -> bytes:
    """Return text as one line without its end; JSON over several lines is joined.

    Raises:
        TunedeckError: It has several lines and is no JSON.
    """
    line = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    line = line.strip(b"\r\n")
    if b"\n" not in line:
        return line
    try:
        return orjson.dumps(orjson.loads(line))
    except (orjson.JSONDecodeError, TypeError) as error:
        raise TunedeckError(
            f"The text has several lines and is not one JSON value: {error}",
            "Write one JSON object; it may have several lines.",
        ) from error
