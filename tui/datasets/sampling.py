"""Random windows of a file, and the share of each row that lies in them.

A file of N bytes is cut into windows of equal size, of which some are drawn; in a large file one in each of
as many equal stretches. A row gives a window the share of its own bytes that lie inside, so the shares of one
row add up to 1 over all windows, and whatever is summed over rows (tokens, rows, money) is the sum over
windows: a sample of windows estimates it without bias, however the rows are sorted and however few are huge
(cluster sampling with Hansen and Hurwitz's weights; Cochran, Sampling Techniques, chapters 9 and 9A).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from tui.datasets.files import read_at

WINDOW_BYTES = 16 << 10
"""At least; all windows of a file are equal but for a byte, so that none weighs less."""
WINDOWS = 200
"""200 windows of 16 KB: 3.3 MB, counted in some 40 ms, within 1 % on a file of mixed text."""
_MARGIN = 4 << 10
_FEW = 20
REACH = 1 << 20
"""How far beyond a window the ends of its rows are looked for."""


@dataclass(frozen=True, slots=True)
class RowShare:
    """One row, or the part of a huge one, that a window meets."""

    raw: bytes
    """The row without its line feed; of an open row only what lies in the window."""
    share: float
    """The part of the row's bytes that lies in the window; of an open row the most that it can be."""
    is_open: bool = False
    """True when an end of the row lies beyond `REACH`, so that it was not read whole."""
    is_picture: bool = False
    """An open row: what lies in the window continues a picture written as base64."""


def draw_windows(size: int, wanted: int, seed: int) -> tuple[list[tuple[int, int]], int]:
    """Return ((start, end) of the windows drawn, in random order, and how many windows the file has).

    Args:
        size: Of the file, in bytes.
        wanted: How many windows to draw; fewer when the file has not so many.
        seed: The same seed draws the same windows.
    """
    random = Random(seed)
    count = max(1, size // WINDOW_BYTES)
    drawn = min(wanted, count)
    if count < _FEW * drawn:  # stretches of unlike length would give windows unlike chances
        chosen = random.sample(range(count), drawn)
    else:
        edges = [index * count // drawn for index in range(drawn + 1)]
        chosen = [random.randrange(low, high) for low, high in itertools.pairwise(edges)]
        random.shuffle(chosen)
    return [(index * size // count, (index + 1) * size // count) for index in chosen], count


class WindowReader:
    """Reads windows of an open file by position; counts the bytes it read.

    Args:
        descriptor: Of a regular file.
        size: Of that file.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self.bytes_read = 0

    def rows(self, start: int, end: int) -> Iterator[RowShare]:
        """Yield the rows that share bytes with a window of the file."""
        begin, block, starts_whole = self._back_to_line_start(start, end)
        block, ends_whole = self._on_to_line_end(begin, block, end)
        position = begin
        last = begin + len(block)
        while position < min(end, last):
            feed = block.find(b"\n", position - begin)
            stop = last if feed < 0 else begin + feed + 1
            whole = (position > begin or starts_whole) and (feed >= 0 or ends_whole)
            share = (min(stop, end) - max(position, start)) / (stop - position)
            yield self._row(block, begin, (position, stop), (start, end), share, whole)
            position = stop

    @staticmethod
    def _row(
        block: bytes, begin: int, row: tuple[int, int], window: tuple[int, int], share: float, whole: bool
    ) -> RowShare:
        if whole:
            return RowShare(block[row[0] - begin : row[1] - begin].rstrip(b"\r\n"), share)
        first, last = max(row[0], window[0]) - begin, min(row[1], window[1]) - begin
        before = block[row[0] - begin : first]
        text_start = before.rfind(b'"')
        is_picture = text_start >= 0 and b";base64," in before[text_start : text_start + 64]
        return RowShare(block[first:last], share, is_open=True, is_picture=is_picture)

    def _back_to_line_start(self, start: int, end: int) -> tuple[int, bytes, bool]:
        """Return (position, bytes from it to the window's end, whether a line begins there)."""
        margin = _MARGIN
        begin = max(0, start - margin)
        block = self._read(begin, end - begin)
        while True:
            feed = block.rfind(b"\n", 0, start - begin)
            if feed >= 0:
                return begin + feed + 1, block[feed + 1 :], True
            if begin == 0 or start - begin >= REACH:
                return begin, block, begin == 0
            margin *= 8
            further = max(0, start - min(REACH, margin))
            block = self._read(further, begin - further) + block
            begin = further

    def _on_to_line_end(self, begin: int, block: bytes, end: int) -> tuple[bytes, bool]:
        """Return (the bytes up to a line's end or as far as one reads, whether a line ends there)."""
        parts = [block]
        position, step = begin + len(block), _MARGIN
        while position < self._size and not parts[-1].endswith(b"\n"):
            if position - end >= REACH:
                return b"".join(parts), False
            part = self._read(position, min(step, self._size - position))
            if not part:
                break  # the file was cut meanwhile
            feed = part.find(b"\n")
            parts.append(part if feed < 0 else part[: feed + 1])
            position += len(part)
            step *= 8
        return b"".join(parts), True

    def _read(self, offset: int, length: int) -> bytes:
        part = read_at(self._descriptor, offset, length)
        self.bytes_read += len(part)
        return part
