"""A canvas of braille dots, two across and four down in each character cell."""

from __future__ import annotations

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
        for row in range(max(0, low), min(self.height * 4 - 1, high) + 1):
            self.dot(column, row)

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

    def character(self, column: int, line: int) -> str:
        """Return the braille character of a cell, or a space where there is no dot.

        Args:
            column: Cell from the left.
            line: Cell from the top.
        """
        bits = self._cells[line * self.width + column]
        return chr(_BRAILLE + bits) if bits else " "


def is_braille(char: str) -> bool:
    """Say whether a character is one of a `DotCanvas`."""
    return len(char) == 1 and _BRAILLE < ord(char) <= _BRAILLE + 0xFF


def merged_dots(below: str, above: str) -> str:
    """Return a character with the dots of both; `above` alone where `below` has none."""
    return chr(ord(below) | ord(above)) if is_braille(below) else above
