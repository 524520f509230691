"""Rows far from the beginning of a file, read before its index gets there.

The end of 8 GB is shown at once: lines are found backwards from it, and counted from the end until the index
knows their numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from tui.datasets.source import Row

if TYPE_CHECKING:
    from tui.datasets.source import Dataset

_FIRST_LOOK = 1 << 16
_MOST_LOOK = 64 << 20
"""How far a line's beginning or end is looked for."""
ROWS = 400
"""Rows that are found around a place."""


@dataclass(frozen=True, slots=True)
class FarRows:
    """Lines that follow each other somewhere in a file.

    Args:
        spans: (first byte, byte after the last) of each, without line ends.
        reaches_end: The last one is the last of the file.
        cursor: Index of the one that was asked for.
    """

    spans: tuple[tuple[int, int], ...]
    reaches_end: bool
    cursor: int

    def __len__(self) -> int:
        return len(self.spans)

    def number_from_end(self, index: int) -> int | None:
        """Return -1 for the last line of the file, -2 for the one before; None where nobody knows yet."""
        return index - len(self.spans) if self.reaches_end else None

    def row(self, dataset: Dataset, index: int) -> Row:
        """Return a row; its line is 0, for it is not known yet.

        Raises:
            TunedeckError: The file changed.
        """
        start, end = self.spans[index]
        return dataset.row_between(start, end, 0)


def last_rows(dataset: Dataset, most: int = ROWS) -> FarRows:
    """Return the last lines of a file, read backwards from its end.

    Raises:
        TunedeckError: The file changed.
    """
    return _around(dataset, dataset.size, most)


def rows_at(dataset: Dataset, share: float, most: int = ROWS) -> FarRows:
    """Return the lines around a place of a file.

    Args:
        dataset: The file.
        share: 0 for its beginning, 1 for its end, in bytes.
        most: How many lines.

    Raises:
        TunedeckError: The file changed.
    """
    return _around(dataset, min(dataset.size, max(0, round(dataset.size * share))), most)


def _around(dataset: Dataset, place: int, most: int) -> FarRows:
    look = _FIRST_LOOK
    while True:
        start, end = max(0, place - look), min(dataset.size, place + look)
        starts = _line_starts(dataset, start, end)
        cursor = max(0, _last_at_or_before(starts, min(place, dataset.size - 1)))
        # The line under the cursor must begin and end within what was read, or be the last thing there is.
        complete = len(starts) > cursor + 1 or end == dataset.size
        if (starts and starts[0] <= place and complete and len(starts) > 2) or look >= _MOST_LOOK:
            break
        if start == 0 and end == dataset.size:
            break
        look *= 4
    spans = _spans(dataset, starts, end)
    first = max(0, min(cursor - most // 2, len(spans) - most))
    shown = spans[first : first + most]
    return FarRows(
        tuple(shown), bool(shown) and shown[-1] == spans[-1] and end == dataset.size, cursor - first
    )


def _line_starts(dataset: Dataset, start: int, end: int) -> list[int]:
    """Return where lines begin in a range; its own beginning counts only when it is that of the file."""
    block = dataset.read_bytes(start, end - start)
    starts = [0] if start == 0 else []
    at = block.find(b"\n")
    while at >= 0:
        if start + at + 1 < dataset.size:
            starts.append(start + at + 1)
        at = block.find(b"\n", at + 1)
    return [one for one in starts if one < end]


def _last_at_or_before(starts: list[int], place: int) -> int:
    from bisect import bisect_right

    return bisect_right(starts, place) - 1


def _spans(dataset: Dataset, starts: list[int], end: int) -> list[tuple[int, int]]:
    spans = [(one, following - 1) for one, following in pairwise(starts)]
    if starts and end == dataset.size:
        last = dataset.read_bytes(end - 1, 1)
        spans.append((starts[-1], end - 1 if last == b"\n" else end))
    return spans
