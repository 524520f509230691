"""Converts a file: source, mapping, target, and a full account of what came through and what did not."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from tui.datasets.convert.account import Conversion, ConvertOptions
from tui.datasets.convert.adapt import adapt
from tui.datasets.convert.detect import columns_of, detect_mapping
from tui.datasets.convert.example import Example
from tui.datasets.convert.losses import BAD_ROWS_KEPT, BadRow, ConversionCancelled, LossList, RowProblem
from tui.datasets.convert.mapping import ColumnMapping, RowKind
from tui.datasets.convert.open_source import open_source
from tui.datasets.convert.output import (
    TABLE_ENDINGS,
    ArrayWriter,
    LineWriter,
    NewFile,
    RowWriter,
    TableWriter,
    new_file,
    refuse_target,
)
from tui.datasets.convert.reading import read_example
from tui.datasets.convert.records import Record, SourceFacts, Tick
from tui.datasets.convert.targets import Target, find_target, refuse_kind
from tui.datasets.convert.writers import PAIR_COLUMNS, TABLE_COLUMNS, write_rows
from tui.errors import TunedeckError
from tui.safe_text import safe_line

SAMPLE_ROWS = 50
"""Rows that decide what the columns are."""


def _never() -> bool:
    return False


def make_tick(on_progress: Tick | None, cancelled: Callable[[], bool]) -> Tick:
    """Return what a source calls as it is read."""

    def tick(done: int, total: int) -> None:
        if cancelled():
            raise ConversionCancelled
        if on_progress is not None:
            on_progress(done, total)

    return tick


@contextmanager
def open_records(
    path: Path, options: ConvertOptions, tick: Tick
) -> Iterator[tuple[Iterator[Record | BadRow], ColumnMapping, SourceFacts]]:
    """Open a file and find out what its columns are; gives (all records, mapping, facts).

    Raises:
        TunedeckError: It can't be read, or has no row that could.
    """
    with open_source(path, options.source, tick) as source:
        records = source.records()
        head = list(itertools.islice(records, SAMPLE_ROWS))
        sample = [record.value for record in head if isinstance(record, Record)]
        if not sample and (bad := next((row for row in head if isinstance(row, BadRow)), None)):
            place = source.facts.place.capitalize()
            raise TunedeckError(f"{path}: no row can be read. {place} {bad.line:,}: {bad.reason}.")
        if not sample:
            raise TunedeckError(f"{path} holds no rows.")
        yield itertools.chain(head, records), mapping_for(sample, options), source.facts


def mapping_for(sample: list[dict[str, Any]], options: ConvertOptions) -> ColumnMapping:
    """Return the mapping of the first rows with what the person said instead.

    Raises:
        TunedeckError: A column that was named does not exist.
    """
    mapping = detect_mapping(sample, options.shape)
    known = columns_of(sample)
    for column, role in options.overrides.items():
        if column not in known:
            raise TunedeckError(
                f'There is no column "{column}".', safe_line(f"Columns: {', '.join(known[:30])}", 400)
            )
        mapping = mapping.with_role(column, role)
    return mapping


def target_for(mapping: ColumnMapping, options: ConvertOptions) -> Target:
    """Return where the rows go.

    Raises:
        TunedeckError: The mapping makes no rows, or not such rows.
    """
    if problem := mapping.problem():
        raise TunedeckError(f"The mapping makes no rows. {problem}", f"Found: {mapping.reason}")
    target = find_target(options.target_shape, options.provider, mapping.kind)
    refuse_kind(target.shape, mapping.kind)
    return target


def convert_file(
    source: Path,
    target: Path,
    options: ConvertOptions | None = None,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = _never,
) -> Conversion:
    """Convert a file and say what came of it; the source stays as it is.

    Args:
        source: Any file that can be imported.
        target: The new file; its ending (.jsonl, .json, .csv, .tsv) is its form.
        options: What is asked.
        on_progress: Called with (done, in all) as the source is read.
        cancelled: Asked as often; True ends the work and leaves nothing behind.

    Raises:
        TunedeckError: The source can't be read, the mapping makes no rows, the target exists or can't be
            written.
        ConversionCancelled: `cancelled` returned True.
    """
    options = options or ConvertOptions()
    refuse_target(source, target, force=options.force)
    with ExitStack() as stack:
        with open_records(source, options, make_tick(on_progress, cancelled)) as (records, mapping, facts):
            to = target_for(mapping, options)
            work = _Work(str(source), target, to, options, mapping.kind)
            file = stack.enter_context(new_file(target, force=options.force))
            work.run(file, records, lambda record, losses: read_example(record.value, mapping, losses))
        # Only now is it known that nobody wrote to the source meanwhile.
        work.commit(file)
        blank = [f"{facts.blank_rows:,} blank row(s) are left out."] if facts.blank_rows else []
        return work.result(mapping, facts.kind, [*facts.notes, *blank], facts.place)


def convert_examples(
    examples: Iterable[Example], target: Path, options: ConvertOptions, *, name: str
) -> Conversion:
    """Write examples that come from no file, such as the app's own chats; numbered from 1.

    Raises:
        TunedeckError: As `convert_file`.
    """
    refuse_target(None, target, force=options.force)
    to = find_target(options.target_shape, options.provider, RowKind.CHAT)
    refuse_kind(to.shape, RowKind.CHAT)
    work = _Work(name, target, to, options, RowKind.CHAT)
    records = (Record(number, {"example": example}) for number, example in enumerate(examples, 1))
    with new_file(target, force=options.force) as file:
        work.run(file, records, lambda record, _: record.value["example"])
        work.commit(file)
    return work.result(None, name, [], "row")


class _Work:
    """One conversion under way."""

    def __init__(self, source: str, target: Path, to: Target, options: ConvertOptions, kind: RowKind) -> None:
        self._source = source
        self._target = target
        self._to = to
        self._options = options
        self._kind = kind
        self._losses = LossList()
        self._bad: list[BadRow] = []
        self._bad_count = self._read = self._written = self._formula_cells = 0
        self._done = False

    def run(
        self,
        file: NewFile,
        records: Iterable[Record | BadRow],
        read: Callable[[Record, LossList], Example],
    ) -> None:
        """Read, adapt and write every record."""
        writer = make_writer(file.stream, self._target, self._to, self._kind)
        for record in records:
            self._take(record, read, writer)
        writer.finish()
        self._formula_cells = writer.formula_cells if isinstance(writer, TableWriter) else 0

    def commit(self, file: NewFile) -> None:
        """Let the file appear, when everything is in order."""
        if not self._must_not_be_written():
            file.commit()
            self._done = True

    def _take(
        self, record: Record | BadRow, read: Callable[[Record, LossList], Example], writer: RowWriter
    ) -> None:
        self._read += 1
        if isinstance(record, BadRow):
            self._refuse(record)
            return
        self._losses.begin_row(record.line)
        try:
            example = read(record, self._losses)
            adapt(example, self._to, self._losses)
            rows = write_rows(example, self._to, self._losses)
            writer.write(rows)
        except RowProblem as problem:
            self._refuse(BadRow.of(record.line, str(problem)))
            return
        self._losses.keep_row()
        self._written += len(rows)

    def _refuse(self, row: BadRow) -> None:
        self._bad_count += 1
        if len(self._bad) < BAD_ROWS_KEPT:
            self._bad.append(row)

    def _must_not_be_written(self) -> bool:
        if not self._written or (self._bad_count and not self._options.skip_bad):
            return True
        return self._options.lossless and bool(self._losses.losses)

    def result(self, mapping: ColumnMapping | None, kind: str, notes: list[str], place: str) -> Conversion:
        """Return the account of it."""
        return Conversion(
            source=safe_line(self._source, 1000),
            target=safe_line(str(self._target), 1000),
            source_kind=safe_line(kind, 200),
            mapping=mapping,
            to=self._to,
            rows_read=self._read,
            rows_written=self._written if self._done else 0,
            bad_count=self._bad_count,
            bad_rows=tuple(self._bad),
            losses=self._losses.losses,
            notes=(*notes, *self._own_notes()),
            place=place,
            written=self._done,
        )

    def _own_notes(self) -> list[str]:
        notes = []
        rules = self._to.rules
        if self._done and self._written < rules.minimum_rows:
            notes.append(
                f"{rules.label} takes at least {rules.minimum_rows} examples; this file has {self._written}."
            )
        if self._formula_cells:
            notes.append(
                f"{self._formula_cells:,} cell(s) begin with =, +, - or @: spreadsheet programs may run them."
            )
        return notes


def make_writer(stream: BinaryIO, path: Path, target: Target, kind: RowKind) -> RowWriter:
    """Return the writer for a target's file, by its ending.

    Raises:
        TunedeckError: The provider takes JSON lines only, or the shape has no fixed columns for a table.
    """
    ending = path.suffix.lower()
    is_lines = ending in (".jsonl", ".ndjson")
    if target.rules.name and not is_lines:
        raise TunedeckError(f"{target.rules.label} takes JSON lines.", "Name the target with .jsonl.")
    if is_lines:
        return LineWriter(stream, byte_order_mark=target.rules.byte_order_mark)
    if ending == ".json":
        return ArrayWriter(stream)
    pairs = kind is RowKind.PREFERENCE
    columns = (PAIR_COLUMNS if pairs and target.shape in PAIR_COLUMNS else TABLE_COLUMNS).get(target.shape)
    if columns is None:
        raise TunedeckError(
            f"{target.shape.value} rows have keys of their own and fit no table.", "Use .jsonl."
        )
    return TableWriter(stream, columns, TABLE_ENDINGS[ending])
