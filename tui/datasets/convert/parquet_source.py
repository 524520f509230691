"""Parquet files as records, through pyarrow (an extra), a batch at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

from tui.datasets.convert.cell_values import plain_value
from tui.datasets.convert.losses import BadRow
from tui.datasets.convert.records import Record, SourceFacts, Tick
from tui.errors import TunedeckError
from tui.safe_text import safe_line

_BATCH_ROWS = 256


class ParquetSource:
    """The rows of a Parquet file, numbered from 1.

    Raises:
        TunedeckError: pyarrow is not installed, or the file is no Parquet.
    """

    def __init__(self, stream: io.FileIO, tick: Tick) -> None:
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError as error:
            raise TunedeckError(
                "Reading Parquet needs pyarrow, which is not installed.",
                "pip install 'tunedeck[parquet]'",
            ) from error
        self._broken: type[Exception] = pyarrow.ArrowException
        self._tick = tick
        try:
            # Without buffering ahead, so that memory stays at a few batches.
            self._file: Any = parquet.ParquetFile(stream, pre_buffer=False)
        except (pyarrow.ArrowException, OSError) as error:
            raise _unreadable(error) from error
        self._rows = self._file.metadata.num_rows
        self.facts = SourceFacts(f"Parquet, {self._rows:,} rows")

    def records(self) -> Iterator[Record | BadRow]:
        """Yield every row."""
        number = 0
        try:
            for batch in self._file.iter_batches(_BATCH_ROWS):
                self._tick(number, self._rows)
                for value in batch.to_pylist():
                    number += 1
                    yield _record(number, value)
        except (self._broken, OSError) as error:
            raise _unreadable(error) from error
        self._tick(self._rows, self._rows)


def _record(number: int, value: Mapping[str, Any]) -> Record | BadRow:
    try:
        return Record(number, {name: plain_value(cell) for name, cell in value.items()})
    except ValueError as error:
        return BadRow.of(number, str(error))


def _unreadable(error: Exception) -> TunedeckError:
    return TunedeckError(f"The Parquet file can't be read: {safe_line(str(error), 200)}")
