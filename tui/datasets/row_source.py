"""What gives rows by number: a file, or a file with changes over it."""

from __future__ import annotations

from typing import Protocol

from tui.datasets.source import Row


class RowSource(Protocol):
    """Rows by number."""

    @property
    def row_count(self) -> int:
        """Rows that are indexed."""

    @property
    def index_complete(self) -> bool:
        """True once every row is indexed."""

    def row(self, number: int) -> Row:
        """Return a row by its number, from 1.

        Raises:
            TunedeckError: There is no such row, or the file changed.
        """
