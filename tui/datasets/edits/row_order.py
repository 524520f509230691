"""The order of rows as runs of identities: what is not touched costs nothing, however long the file is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

Run: TypeAlias = tuple[int, int]
"""(first identity, how many follow each other)."""

_OPEN = 1 << 60
"""Length of the last run, which goes on beyond the end of the file: nobody needs to know where that is."""
_BLOCK_RUNS = 512


class RowOrder:
    """Which row stands where.

    A row of the file is its physical line, from 1; a new row has a negative number. Positions count from 1.
    Finding a position takes time with the number of blocks of 512 runs, not with the number of rows.
    """

    def __init__(self) -> None:
        self._blocks: list[list[Run]] = [[(1, _OPEN)]]
        self._lengths: list[int] = [_OPEN]

    def length(self, rows: int) -> int:
        """Return how many rows there are, of a file with `rows` rows known so far."""
        first, length = self._blocks[-1][-1]
        return sum(self._lengths) - length + max(0, rows - first + 1)

    def identity(self, position: int) -> int:
        """Return who stands at a position.

        Raises:
            IndexError: There is no such position.
        """
        block, index, offset = self._find(position)
        return self._blocks[block][index][0] + offset

    def position_of(self, identity: int) -> int | None:
        """Return where a row stands, or None when it is not among them."""
        before = 0
        for block in self._blocks:
            for first, length in block:
                if first <= identity < first + length:
                    return before + identity - first + 1
                before += length
        return None

    def runs(self) -> Iterator[Run]:
        """Yield the runs in order."""
        for block in self._blocks:
            yield from block

    def insert(self, position: int, identity: int) -> None:
        """Put a row at a position, before what stands there.

        Raises:
            IndexError: There is no such position.
        """
        block, index, offset = self._find(position)
        runs = self._blocks[block]
        if offset:
            first, length = runs[index]
            runs[index : index + 1] = [(first, offset), (identity, 1), (first + offset, length - offset)]
            index += 1
        else:
            runs.insert(index, (identity, 1))
        self._lengths[block] += 1
        self._join(runs, index)
        self._split(block)

    def remove(self, position: int) -> int:
        """Take a row out and return who it was.

        Raises:
            IndexError: There is no such position.
        """
        block, index, offset = self._find(position)
        runs = self._blocks[block]
        first, length = runs[index]
        parts = [(first, offset), (first + offset + 1, length - offset - 1)]
        runs[index : index + 1] = [part for part in parts if part[1]]
        self._lengths[block] -= 1
        if not runs and len(self._blocks) > 1:
            del self._blocks[block], self._lengths[block]
        self._split(block)
        return first + offset

    def _find(self, position: int) -> tuple[int, int, int]:
        """Return (block, run in it, rows before it in the run)."""
        rest = position - 1
        if rest < 0:
            raise IndexError(position)
        for block, block_length in enumerate(self._lengths):
            if rest < block_length:
                for index, (_, length) in enumerate(self._blocks[block]):
                    if rest < length:
                        return block, index, rest
                    rest -= length
            rest -= block_length
        raise IndexError(position)

    def _join(self, runs: list[Run], index: int) -> None:
        """Join a run with its neighbours where they follow each other, as after an undo."""
        if index + 1 < len(runs) and _follow(runs[index], runs[index + 1]):
            runs[index : index + 2] = [(runs[index][0], runs[index][1] + runs[index + 1][1])]
        if index and _follow(runs[index - 1], runs[index]):
            runs[index - 1 : index + 1] = [(runs[index - 1][0], runs[index - 1][1] + runs[index][1])]

    def _split(self, block: int) -> None:
        if block >= len(self._blocks) or len(self._blocks[block]) <= 2 * _BLOCK_RUNS:
            return
        runs = self._blocks[block]
        halves = [runs[:_BLOCK_RUNS], runs[_BLOCK_RUNS:]]
        self._blocks[block : block + 1] = halves
        self._lengths[block : block + 1] = [sum(length for _, length in half) for half in halves]


def _follow(left: Run, right: Run) -> bool:
    return left[0] > 0 and left[0] + left[1] == right[0]
