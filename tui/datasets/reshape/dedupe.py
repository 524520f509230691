"""Leaves one of the rows that say the same."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tui.datasets.lints.near_duplicates import MOST_ROWS
from tui.datasets.reshape.keys import Key, KeyKind, row_keys
from tui.datasets.reshape.near import Groups, Signatures, join_near
from tui.datasets.reshape.plan import MOST_LOST_LISTED, Lost, Output, Part, Plan, source_notes
from tui.datasets.reshape.row_table import RowTable
from tui.datasets.reshape.tracker import Tracker

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, numpy.dtype[Any]]


class Sameness(StrEnum):
    """When two rows are the same."""

    EXACT = "exact"
    """The same bytes, white space around them aside."""
    JSON = "json"
    """The same JSON: spaces, escapes and the order of keys do not count."""
    PROMPT = "prompt"
    """The same before the last answer, tools included."""
    NEAR = "near"
    """Almost the same words, by the near-duplicate rule; chains of such rows are one group."""


class Keep(StrEnum):
    """Which of the rows that are the same stays."""

    FIRST = "first"
    LAST = "last"
    LONGEST = "longest"
    """The one with most bytes; of the same prompt that is the one with the longest answer."""


@dataclass(frozen=True, slots=True)
class DedupeWish:
    """What counts as the same, and what stays."""

    by: Sameness = Sameness.EXACT
    keep: Keep = Keep.FIRST


def plan_dedupe(table: RowTable, wish: DedupeWish, tracker: Tracker | None = None) -> Plan:
    """Leave one row of each group of equal ones; what stays keeps its order.

    Raises:
        TunedeckError: A line has more than 256 MB, or the file can't be read.
        PassCancelled: The tracker was asked to stop.
    """
    import numpy

    tracker = tracker or Tracker()
    kind = KeyKind.EXACT if wish.by is Sameness.NEAR else KeyKind(wish.by.value)
    column = row_keys(table, [Key(kind)], tracker).columns[0]
    groups = Groups(column)
    labels = (
        _near_labels(table, groups, wish.keep, column, tracker)
        if wish.by is Sameness.NEAR
        else (groups.labels())
    )
    kept_of = _kept(table, labels, wish.keep)
    goes = kept_of != numpy.arange(len(table))
    gone = numpy.flatnonzero(goes)
    notes = [*source_notes([table])]
    if wish.by is Sameness.NEAR and len(table) > MOST_ROWS:
        notes.append(f"Near duplicates are looked for in the first {MOST_ROWS:,} rows.")
    words = "almost the same as" if wish.by is Sameness.NEAR else _WORDS[wish.by]
    listed = gone[:MOST_LOST_LISTED]
    lost = [
        Lost(line, f"{words} line {other:,}")
        for line, other in zip(
            table.lines[listed].tolist(), table.lines[kept_of[listed]].tolist(), strict=True
        )
    ]
    return Plan(
        operation="dedupe",
        outputs=(Output("deduped", (Part(table, numpy.flatnonzero(~goes)),)),),
        rows=len(table),
        facts={"by": wish.by.value, "keep": wish.keep.value, "removed": len(gone)},
        notes=tuple(notes),
        lost=lost,
        lost_rows=len(gone),
    )


_WORDS = {
    Sameness.EXACT: "the same bytes as",
    Sameness.JSON: "the same JSON as",
    Sameness.PROMPT: "the same prompt as",
}


def _kept(table: RowTable, labels: Array, keep: Keep) -> Array:
    """Return for each row the position of the one that stays of its group."""
    import numpy

    rows = numpy.arange(len(labels))
    if keep is Keep.LAST:
        by = numpy.lexsort((-rows, labels))
    elif keep is Keep.LONGEST:
        lengths = (table.ends - table.starts).astype(numpy.int64)
        by = numpy.lexsort((rows, -lengths, labels))
    else:
        by = numpy.lexsort((rows, labels))
    _, first, inverse = numpy.unique(labels[by], return_index=True, return_inverse=True)
    kept_of = numpy.empty(len(labels), numpy.int64)
    kept_of[by] = by[first][inverse.ravel()]
    return kept_of


def _near_labels(table: RowTable, groups: Groups, keep: Keep, exact: Array, tracker: Tracker) -> Array:
    import numpy

    near = Signatures.of(table, exact, tracker)

    def leaks(labels: Array) -> list[tuple[int, int]]:
        tracker.tick(table.size, table.size)
        return near.pairs(_kept(table, labels, keep) == numpy.arange(len(labels)))

    return join_near(groups, near, leaks)
