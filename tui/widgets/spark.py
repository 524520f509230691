"""A curve in one line of text, for lists of jobs."""

from __future__ import annotations

from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-=*#"


def spark(values: Sequence[float], width: int, *, ascii_only: bool = False) -> str:
    """Return `values` as at most `width` blocks, scaled between their own least and most.

    Each column shows the largest value of its share, so a spike is never lost; numbers that are not
    finite are left out.

    Args:
        values: Oldest first.
        width: Columns.
        ascii_only: Draw without block characters.
    """
    finite = [value for value in values if value == value and abs(value) != float("inf")]
    if not finite or width <= 0:
        return ""
    columns = _columns(finite, min(width, len(finite)))
    low, high = min(columns), max(columns)
    glyphs = _ASCII if ascii_only else _BLOCKS
    if high == low:
        return glyphs[len(glyphs) // 2] * len(columns)
    scale = (len(glyphs) - 1) / (high - low)
    return "".join(glyphs[round((value - low) * scale)] for value in columns)


def _columns(values: Sequence[float], width: int) -> list[float]:
    count = len(values)
    return [max(values[column * count // width : (column + 1) * count // width]) for column in range(width)]
