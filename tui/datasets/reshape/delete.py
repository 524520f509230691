"""Leaves out the rows of a choice, or all others."""

from __future__ import annotations

from tui.datasets.reshape.plan import MOST_LOST_LISTED, Lost, Output, Part, Plan, source_notes
from tui.datasets.reshape.row_table import RowTable
from tui.datasets.reshape.tracker import Tracker
from tui.datasets.row_choice import RowChooser, RowWish
from tui.datasets.row_facts import OptionsFor
from tui.datasets.source import Dataset
from tui.errors import TunedeckError


def plan_delete(
    table: RowTable,
    wish: RowWish,
    tracker: Tracker | None = None,
    *,
    keep: bool = False,
    options: OptionsFor | None = None,
) -> Plan:
    """Leave out the rows that a wish names; what stays keeps its order.

    Args:
        table: The file.
        wish: Which rows: by number, facet and expression.
        tracker: Told how far it is.
        keep: Leave out all others instead.
        options: As in `RowChooser`.

    Raises:
        TunedeckError: A facet or expression is none, no row would be left, or the file can't be read.
        PassCancelled: The tracker was asked to stop.
    """
    import numpy

    tracker = tracker or Tracker()
    dataset = Dataset.open(table.path)
    try:
        chosen = RowChooser(dataset, options=options).choose(wish, tracker.tick, tracker.cancelled)
    finally:
        dataset.close()
    table.check_unchanged()
    goes = numpy.full(len(table), keep)
    goes[table.positions_of(chosen.lines)] = not keep
    gone = numpy.flatnonzero(goes)
    if len(gone) == len(table):
        what = "Nothing fits this choice" if keep else "Every row fits this choice"
        raise TunedeckError(f"{what}: no row of {table.path} would be left.", "Choose other rows.")
    why = "not chosen" if keep else "chosen"
    return Plan(
        operation="delete",
        outputs=(Output("kept", (Part(table, numpy.flatnonzero(~goes)),)),),
        rows=len(table),
        facts={"removed": len(gone)},
        notes=(*source_notes([table]), *chosen.notes),
        lost=[Lost(line, why) for line in table.lines[gone[:MOST_LOST_LISTED]].tolist()],
        lost_rows=len(gone),
    )
