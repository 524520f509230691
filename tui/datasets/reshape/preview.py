"""The first rows of what a plan would write, as a person reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tui.datasets.conversation import preview
from tui.datasets.formats import DatasetFormat
from tui.datasets.reshape.plan import Plan
from tui.datasets.reshape.row_table import RowTable
from tui.datasets.row_facts import format_of
from tui.datasets.source import Dataset, parsed_row

MOST_SHOWN_BYTES = 1 << 20
"""Longer rows are only named: parsing them would be felt."""


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One row of a new file."""

    output: str
    """Name of the new file."""
    path: Path
    """Where the row stands now."""
    line: int
    words: str
    """Safe to show."""


def first_rows(plan: Plan, count: int, width: int) -> list[ShownRow]:
    """Return the first rows of each new file.

    Args:
        plan: What is going to be written.
        count: Rows of each new file.
        width: Most characters of each.

    Raises:
        TunedeckError: A file can't be read or changed.
    """
    dataset_format = _format_of(plan.outputs[0].parts[0].table)
    shown = []
    for output in plan.outputs:
        part = output.parts[0]
        for position in part.positions[:count].tolist():
            line = int(part.table.lines[position])
            if int(part.table.ends[position] - part.table.starts[position]) > MOST_SHOWN_BYTES:
                words = "(more than 1 MB)"
            else:
                words = preview(parsed_row(line, part.table.content(position)), dataset_format, width)
            shown.append(ShownRow(output.name, part.table.path, line, words))
    return shown


def _format_of(table: RowTable) -> DatasetFormat:
    if table.read_as is not None:
        return table.read_as
    dataset = Dataset.open(table.path)
    try:
        return format_of(dataset)
    finally:
        dataset.close()
