"""What the edited file is at one moment, and the operations that lead from one moment to the next."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from tui.datasets.edits.row_order import RowOrder

ContentPlace: TypeAlias = int
"""Where a changed row's bytes stand in the journal: offset << 32 | length of the entry; 0: in the file."""


class RowState(StrEnum):
    """What became of a row."""

    UNCHANGED = "unchanged"
    EDITED = "edited"
    INSERTED = "inserted"


class Kind(StrEnum):
    """What an operation does; the words stand in journals."""

    EDIT = "edit"
    INSERT = "insert"
    DELETE = "delete"
    MOVE = "move"
    MARK = "mark"
    UNMARK = "unmark"


@dataclass(frozen=True, slots=True)
class Operation:
    """One step, with all that is needed to take it back."""

    kind: Kind
    identity: int
    at: int = 0
    """Position, from 1; for a move the position before it."""
    to: int = 0
    """Position after a move."""
    place: ContentPlace = 0
    """Of the new bytes."""
    was: ContentPlace = 0
    """Of the bytes before."""


@dataclass(frozen=True, slots=True)
class ChangeSummary:
    """How far the edited file is from the file."""

    edited: int = 0
    inserted: int = 0
    deleted: int = 0
    moved: int = 0
    marked: int = 0

    @property
    def total(self) -> int:
        """Changed rows; marks are notes and change nothing."""
        return self.edited + self.inserted + self.deleted + self.moved


class EditState:
    """Order, contents and marks; some 150 bytes for each changed row, nothing for the others."""

    def __init__(self) -> None:
        self.order = RowOrder()
        self.contents: dict[int, ContentPlace] = {}
        self.marks: set[int] = set()
        self.deleted: set[int] = set()
        self._moves: Counter[int] = Counter()

    def apply(self, operation: Operation) -> None:
        """Take a step."""
        who = operation.identity
        match operation.kind:
            case Kind.EDIT:
                self.contents[who] = operation.place
            case Kind.INSERT:
                self.order.insert(operation.at, who)
                self.contents[who] = operation.place
            case Kind.DELETE:
                self.order.remove(operation.at)
                self.deleted.add(who)
            case Kind.MOVE:
                self.order.insert(operation.to, self.order.remove(operation.at))
                self._moves[who] += 1
            case Kind.MARK:
                self.marks.add(who)
            case Kind.UNMARK:
                self.marks.discard(who)

    def revert(self, operation: Operation) -> None:
        """Take back the step that was taken last."""
        who = operation.identity
        match operation.kind:
            case Kind.EDIT:
                if operation.was:
                    self.contents[who] = operation.was
                else:
                    del self.contents[who]
            case Kind.INSERT:
                self.order.remove(operation.at)
                del self.contents[who]
            case Kind.DELETE:
                self.order.insert(operation.at, who)
                self.deleted.discard(who)
            case Kind.MOVE:
                self.order.insert(operation.at, self.order.remove(operation.to))
                self._moves[who] -= 1
            case Kind.MARK:
                self.marks.discard(who)
            case Kind.UNMARK:
                self.marks.add(who)

    def summary(self) -> ChangeSummary:
        """Count what differs from the file."""
        gone = self.deleted
        inserted = sum(1 for who in self.contents if who < 0 and who not in gone)
        return ChangeSummary(
            edited=sum(1 for who in self.contents if who > 0 and who not in gone),
            inserted=inserted,
            deleted=sum(1 for who in gone if who > 0),
            moved=sum(1 for who, moves in self._moves.items() if moves > 0 and who > 0 and who not in gone),
            marked=len(self.marks - gone),
        )
