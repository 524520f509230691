"""The first rows of a source before and after, so that a mapping can be judged before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.datasets.convert.account import ConvertOptions
from tui.datasets.convert.adapt import adapt
from tui.datasets.convert.convert import make_tick, mapping_for, target_for
from tui.datasets.convert.losses import BadRow, Loss, LossList, RowProblem
from tui.datasets.convert.mapping import ColumnMapping
from tui.datasets.convert.open_source import open_source
from tui.datasets.convert.output import json_bytes
from tui.datasets.convert.reading import read_example
from tui.datasets.convert.records import Record, SourceOptions
from tui.datasets.convert.targets import Target
from tui.datasets.convert.writers import write_rows
from tui.datasets.quoting import json_text
from tui.errors import TunedeckError

_MOST_CHARACTERS = 8 << 20
"""Rows of a sample, together: a few huge ones are enough."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The first rows of a source, read once."""

    path: Path
    kind: str
    notes: tuple[str, ...]
    rows: tuple[Record | BadRow, ...]
    complete: bool
    """True when these are all rows."""
    place: str = "line"
    """What rows are numbered by."""

    @property
    def values(self) -> list[dict[str, Any]]:
        """The rows that could be read."""
        return [row.value for row in self.rows if isinstance(row, Record)]


@dataclass(frozen=True, slots=True)
class RowPreview:
    """One row before and after."""

    line: int
    before: Mapping[str, Any]
    """Empty when the row could not be read; nothing in it is safe to show yet."""
    after: tuple[dict[str, Any], ...]
    """The rows it becomes; empty when there is a problem. Not yet safe to show."""
    losses: tuple[Loss, ...]
    problem: str
    """Why the row can't be converted, safe to show; empty when it can."""


def read_sample(path: Path, options: SourceOptions, rows: int) -> Sample:
    """Read the first rows of a file.

    Raises:
        TunedeckError: It can't be read, or no row of it can.
    """
    kept: list[Record | BadRow] = []
    size = 0
    with open_source(path, options, make_tick(None, lambda: False)) as source:
        complete = True
        for record in source.records():
            if len(kept) >= rows or size > _MOST_CHARACTERS:
                complete = False
                break
            kept.append(record)
            size += len(json_text(_texts(record))) if isinstance(record, Record) else 0
        facts = source.facts
        sample = Sample(path, facts.kind, tuple(facts.notes), tuple(kept), complete, facts.place)
    if not sample.values:
        bad = next(
            (
                f" {sample.place.capitalize()} {row.line:,}: {row.reason}."
                for row in kept
                if isinstance(row, BadRow)
            ),
            "",
        )
        raise TunedeckError(f"{path}: no row can be read.{bad}")
    return sample


def _texts(record: Record) -> list[str]:
    return [value if isinstance(value, str) else repr(value) for value in record.value.values()]


def preview_row(row: Record | BadRow, mapping: ColumnMapping, target: Target) -> RowPreview:
    """Return what becomes of one row."""
    if isinstance(row, BadRow):
        return RowPreview(row.line, {}, (), (), row.reason)
    losses = LossList()
    losses.begin_row(row.line)
    try:
        example = read_example(row.value, mapping, losses)
        adapt(example, target, losses)
        written = tuple(write_rows(example, target, losses))
        for made in written:
            json_bytes(made)
    except RowProblem as problem:
        return RowPreview(row.line, row.value, (), (), BadRow.of(row.line, str(problem)).reason)
    losses.keep_row()
    return RowPreview(row.line, row.value, written, losses.losses, "")


def preview_file(
    path: Path, options: ConvertOptions, rows: int
) -> tuple[Sample, ColumnMapping, Target, list[RowPreview]]:
    """Return the first rows of a file before and after.

    Raises:
        TunedeckError: As `convert_file`, but for the target file.
    """
    sample = read_sample(path, options.source, max(rows, 1))
    mapping = mapping_for(sample.values, options)
    target = target_for(mapping, options)
    return sample, mapping, target, [preview_row(row, mapping, target) for row in sample.rows[:rows]]
