"""A canvas of braille dots, two across and four down in each character cell."""

from __future__ import annotations

from collections.abc import Iterator

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of the dot at [row][column] of a cell, as Unicode numbers them."""
_BRAILLE = 0x2800


class DotCanvas:
    """Dots that become characters; (0, 0) is the dot at the bottom left.

    Args:
        width: Character cells across.
        height: Character cells down.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self._cells = [0] * (width * height)

    def dot(self, column: int, row: int) -> None:
        """Set one dot; outside the canvas nothing happens."""
        if not (0 <= column < self.width * 2 and 0 <= row < self.height * 4):
            return
        from_top = self.height * 4 - 1 - row
        self._cells[from_top // 4 * self.width + column // 2] |= _DOTS[from_top % 4][column % 2]

    def upright(self, column: int, low: int, high: int) -> None:
        """Set the dots of one column from `low` to `high`."""
        if not 0 <= column < self.width * 2:
            return
        top, cell, side = self.height * 4 - 1, column // 2, column % 2
        for from_top in range(top - min(top, high), top - max(0, low) + 1):
            self._cells[from_top // 4 * self.width + cell] |= _DOTS[from_top % 4][side]

    def line(self, from_column: int, from_row: int, to_column: int, to_row: int) -> None:
        """Set the dots of a straight line, with no gap."""
        across = to_column - from_column
        if across == 0:
            self.upright(from_column, min(from_row, to_row), max(from_row, to_row))
            return
        previous = from_row
        for offset in range(across + 1):
            row = from_row + round((to_row - from_row) * offset / across)
            self.upright(from_column + offset, min(previous, row), max(previous, row))
            previous = row

    def drawn(self) -> Iterator[tuple[int, int, str]]:
        """Yield (column, line, character) of every cell that has a dot, line by line from the top."""
        for index, bits in enumerate(self._cells):
            if bits:
                line, column = divmod(index, self.width)
                yield column, line, chr(_BRAILLE + bits)


def is_braille(char: str) -> bool:
    """Say whether a character is one of a `DotCanvas`."""
    return len(char) == 1 and _BRAILLE < ord(char) <= _BRAILLE + 0xFF


def merged_dots(below: str, above: str) -> str:
    """Return a character with the dots of both; `above` alone where `below` has none."""
    return chr(ord(below) | ord(above)) if is_braille(below) else above
