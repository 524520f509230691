"""What can be undone and redone, as places in the journal: a change to a million rows takes one entry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tui.datasets.edits.journal import Journal, entry_operation
from tui.datasets.edits.state import EditState, Kind, Operation

_NOTES = frozenset({Kind.MARK, Kind.UNMARK})


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a person did, however many rows it touched."""

    number: int
    """Counts up, also over what was undone."""
    label: str
    start: int
    """Where its operations stand in the journal."""
    end: int
    changes_rows: bool
    """False for marks alone."""


@dataclass(slots=True)
class History:
    """Done and undone changes, newest last."""

    done: list[Change] = field(default_factory=list)
    undone: list[Change] = field(default_factory=list)
    saved_number: int = 0
    _count: int = 0

    def note(self, label: str, start: int, end: int, *, changes_rows: bool) -> None:
        """Remember what was just done; what was undone before is gone for good."""
        self._count += 1
        self.done.append(Change(self._count, label, start, end, changes_rows))
        self.undone.clear()

    def saved(self) -> None:
        """Remember that all of this is in a file."""
        self.saved_number = self._newest()

    @property
    def is_saved(self) -> bool:
        """True when nothing but marks changed since the file was opened or saved."""
        return self.saved_number == self._newest()

    def _newest(self) -> int:
        return next((change.number for change in reversed(self.done) if change.changes_rows), 0)

    def undo(self, state: EditState, journal: Journal) -> tuple[Change, list[Operation]]:
        """Take back the newest change."""
        change = self.done.pop()
        operations = _operations(journal, change)
        for operation in reversed(operations):
            state.revert(operation)
        self.undone.append(change)
        return change, operations

    def redo(self, state: EditState, journal: Journal) -> tuple[Change, list[Operation]]:
        """Do again what was undone last."""
        change = self.undone.pop()
        operations = _operations(journal, change)
        for operation in operations:
            state.apply(operation)
        self.done.append(change)
        return change, operations


def _operations(journal: Journal, change: Change) -> list[Operation]:
    found = (
        entry_operation(entry, start, end) for start, end, entry in journal.entries(change.start, change.end)
    )
    return [operation for operation in found if operation is not None]


@dataclass(slots=True)
class Replay:
    """A journal read from its beginning."""

    state: EditState = field(default_factory=EditState)
    history: History = field(default_factory=History)
    header: dict[str, Any] = field(default_factory=dict)
    fingerprint: dict[str, Any] = field(default_factory=dict)
    becomes: dict[str, Any] | None = None
    """Fingerprint of the file that was about to replace the original."""
    digests: dict[int, str] = field(default_factory=dict)
    """Row of the file -> digest, of the rows that were touched."""
    lowest_identity: int = 0
    end: int = 0
    """Where the part that counts ends."""


def replay(journal: Journal) -> Replay:
    """Do again all that a journal holds; what a crash cut off is left out.

    Raises:
        ValueError: It is no journal of ours or damaged in the middle.
    """
    result = Replay()
    pending: list[Operation] = []
    pending_start = 0
    for start, end, entry in journal.entries():
        if not result.header:
            result.header, result.fingerprint, result.end = entry, entry.get("file", {}), end
            continue
        operation = entry_operation(entry, start, end)
        if operation is None:
            _replay_line(result, journal, entry, pending, pending_start, start)
            pending = []
            result.end = end
            continue
        if not pending:
            pending_start = start
        pending.append(operation)
        if "row" in entry:
            result.digests[operation.identity] = entry["row"]
        result.lowest_identity = min(result.lowest_identity, operation.identity)
    if not result.header:
        raise ValueError("no header")
    return result


def _replay_line(
    result: Replay,
    journal: Journal,
    entry: dict[str, Any],
    pending: list[Operation],
    pending_start: int,
    here: int,
) -> None:
    match entry.get("op"):
        case "do":
            for operation in pending:
                result.state.apply(operation)
            changes = any(operation.kind not in _NOTES for operation in pending)
            result.history.note(str(entry.get("label", "")), pending_start, here, changes_rows=changes)
        case "undo":
            result.history.undo(result.state, journal)
        case "redo":
            result.history.redo(result.state, journal)
        case "saved":
            result.history.saved()
        case "file":
            result.fingerprint = entry["file"]
        case "replacing":
            result.becomes = entry["file"]
        case other:
            raise ValueError(f"unknown entry {other!r}")
