"""What an operation is going to write, before it is written: row numbers, counts and what gets lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from tui.datasets.edits.journal import journal_path
from tui.datasets.reshape.row_table import RowTable
from tui.safe_text import safe_line

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, numpy.dtype[Any]]

MOST_LOST_LISTED = 1_000
"""Rows that go are listed up to it; all are counted."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one file, in the order in which they are written."""

    table: RowTable
    positions: Array


@dataclass(frozen=True, slots=True)
class Output:
    """One new file."""

    name: str
    """What it is: "training", "deduped"; stands in the file's name."""
    parts: tuple[Part, ...]

    @property
    def rows(self) -> int:
        """How many rows it gets, before any is cut into several."""
        return sum(len(part.positions) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Lost:
    """A row, or a part of one, that is in no new file."""

    line: int
    why: str
    """Safe to show."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"line": self.line, "why": self.why}


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What becomes of a row that is not copied."""

    rows: tuple[bytes, ...]
    """Without line ends."""
    lost: tuple[dict[str, Any], ...] = ()
    """Messages left out: {"index", "message"}."""


class Rewriter(Protocol):
    """Changes some of the rows on their way."""

    positions: Array
    """Of the rows it changes, ascending."""

    def rewrite(self, table: RowTable, position: int) -> Rewritten:
        """Return what becomes of a row."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is going to be written; nothing is yet."""

    operation: str
    outputs: tuple[Output, ...]
    rows: int
    """Rows of the source or sources."""
    seed: int | None = None
    """Makes the same files again; None where no chance is involved."""
    facts: dict[str, Any] = field(default_factory=dict)
    """More counts, as JSON values."""
    tables: tuple[CountTable, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences that a person should read; safe to show."""
    lost: Sequence[Lost] = ()
    """The first thousand rows that go or lose something."""
    lost_rows: int = 0
    """How many go or lose something."""
    rewriter: Rewriter | None = None
    side_file: str = ""
    """"lost" or "sources": what is written beside the new file; empty for nothing."""
    still_bad: int = 0
    """Rows that the operation could not mend: the exit code says so."""

    def as_json(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        return {
            "operation": self.operation,
            "rows": self.rows,
            "seed": self.seed,
            **self.facts,
            "counts": {table.title: table.as_json() for table in self.tables},
            "notes": list(self.notes),
            "lost_rows": self.lost_rows,
            "lost": [one.as_json() for one in self.lost],
        }


@dataclass(frozen=True, slots=True)
class CountTable:
    """How rows of each kind were shared out."""

    title: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, tuple[int, ...]], ...]
    """(what kind, a count for each column); the first twenty."""
    more: int = 0
    """Kinds that are not among the lines."""

    def as_json(self) -> list[dict[str, Any]]:
        """Return it as JSON values."""
        return [
            {"value": name, **dict(zip(self.columns, counts, strict=True))} for name, counts in self.lines
        ]


def source_notes(tables: Sequence[RowTable]) -> tuple[str, ...]:
    """Return what a person should know of the sources: blank lines, and changes that are in the app only."""
    notes = []
    blank = sum(table.blank_lines for table in tables)
    if blank:
        notes.append(f"{blank:,} blank line{' is' if blank == 1 else 's are'} left out.")
    notes += [
        f"Changes of {safe_line(table.path.name, 100)} that are not saved are not in the new files."
        for table in tables
        if journal_path(table.path).exists()
    ]
    return tuple(notes)
