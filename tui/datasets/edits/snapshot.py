"""The rows of an edited dataset at one moment: who stands where, and what is not in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

    from tui.datasets.edits.row_order import RowOrder

    Identities = numpy.ndarray[Any, numpy.dtype[numpy.int64]]
    """Lines of the file; negative for new rows."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What `EditedDataset.snapshot` returns; 8 bytes for each row."""

    version: int
    """Of the dataset."""
    who: Identities
    """In the order of now."""
    contents: Mapping[int, bytes]
    """Edited and new rows that are still there, without line ends."""


def identities(order: RowOrder, rows: int) -> Identities:
    """Return who stands at each position.

    Args:
        order: Of the rows.
        rows: Lines of the file.
    """
    import numpy

    left, runs = order.length(rows), []
    for first, length in order.runs():
        count = min(length, left)
        runs.append(numpy.arange(first, first + count, dtype=numpy.int64))
        left -= count
    return numpy.concatenate(runs) if runs else numpy.zeros(0, dtype=numpy.int64)
