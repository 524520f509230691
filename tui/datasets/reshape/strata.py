"""Rows by the value they are shared out by, so that each new file has the same mix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tui.datasets.reshape.keys import NO_VALUE, RowKeys
from tui.datasets.reshape.plan import CountTable

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, numpy.dtype[Any]]

_SHOWN = 20


class Strata:
    """Which stratum each row is in.

    Args:
        column: A key for each row; None puts all into one stratum.
        found: Where the keys' labels are.
        rows: How many rows there are.
        title: What the rows are told apart by.
    """

    def __init__(self, column: Array | None, found: RowKeys, rows: int, title: str) -> None:
        import numpy

        self._title = title
        if column is None:
            self.of_row: Array = numpy.zeros(rows, numpy.int64)
            self.names = [""]
            return
        keys, inverse = numpy.unique(column, return_inverse=True)
        self.of_row = inverse.astype(numpy.int64).ravel()
        self.names = [
            "(no value)" if key == NO_VALUE else found.labels.get(int(key), f"#{int(key):x}") for key in keys
        ]

    def __len__(self) -> int:
        return len(self.names)

    def table(self, sides: Array, columns: Sequence[str]) -> tuple[CountTable, ...]:
        """Count the rows of each stratum on each side; nothing where there is one stratum.

        Args:
            sides: For each row, which of the columns it is in; -1 for none.
            columns: Names of the sides.
        """
        import numpy

        if len(self) < 2:
            return ()
        counts = numpy.zeros((len(self), len(columns) + 1), numpy.int64)
        numpy.add.at(counts, (self.of_row, sides), 1)  # the side -1 is the last column
        largest = numpy.argsort(-counts.sum(axis=1), kind="stable")[:_SHOWN].tolist()
        lines = tuple((self.names[one], tuple(counts[one, :-1].tolist())) for one in largest)
        return (CountTable(self._title, tuple(columns), lines, len(self) - len(lines)),)

    def notes(self) -> tuple[str, ...]:
        """Say when there are so many values that a mix means little."""
        if len(self) > max(20, len(self.of_row) // 4):
            return (
                f"{self._title} has {len(self):,} values in {len(self.of_row):,} rows, which is hardly a mix "
                "to keep.",
            )
        return ()
