"""Arithmetic of a chart, without drawing: buckets, scales and round numbers for the axes."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

Point = tuple[int, float]
"""Step and value."""
_STEP, _VALUE = itemgetter(0), itemgetter(1)


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values of an axis to 0..1, linearly or by logarithm."""

    low: float
    high: float
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """Return where `value` lies between the ends."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        return (value - low) / (high - low) if high > low else 0.5

    def value_at(self, place: float) -> float:
        """Return the value at a place from 0 to 1."""
        low, high = self._coordinate(self.low), self._coordinate(self.high)
        coordinate = low + place * (high - low)
        return float(10**coordinate) if self.logarithmic else coordinate

    def _coordinate(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value


def value_scale(values: Sequence[float], *, logarithmic: bool) -> Scale:
    """Return a scale that holds all values with a little air, and never has no height.

    A logarithmic scale needs values above zero; without any, the scale is linear.
    """
    low, high = min(values), max(values)
    if logarithmic and (positive := [value for value in values if value > 0]):
        low = min(positive)
        return Scale(low / 1.05, max(high, low) * 1.05, True)
    air = (high - low) * 0.04 or abs(high) * 0.1 or 1.0
    floor = low - air
    return Scale(max(0.0, floor) if low >= 0 else floor, high + air)


class Bucket(NamedTuple):
    """The values that share one column of dots."""

    column: int
    low: float
    high: float
    last: float


def buckets(points: Sequence[Point], steps: Scale, columns: int) -> list[Bucket]:
    """Return least, greatest and last value per column, so that a spike of one step stays visible.

    Args:
        points: In order of steps: of thousands only those at the columns' edges are looked for.
        steps: The horizontal axis, which is linear.
        columns: Of dots or of characters.
    """

    low, span, most = steps.low, steps.high - steps.low, columns - 1
    per_column = span / columns if span > 0 else 0.0

    def column_of(point: Point) -> int:
        # As `steps.place` reckons it; called thousands of times for a drawing.
        column = int(((point[0] - low) / span if span > 0 else 0.5) * columns)
        return column if column < most else most

    result: list[Bucket] = []
    start, count = 0, len(points)
    while start < count:
        column = column_of(points[start])
        if column < most and per_column:
            # By the step at the column's edge, which a key in C finds; rounding moves it by a point at most.
            end = bisect_left(points, low + (column + 1) * per_column, start + 1, key=_STEP)
            while end < count and column_of(points[end]) <= column:
                end += 1
            while end > start + 1 and column_of(points[end - 1]) > column:
                end -= 1
        else:
            end = count
        values = list(map(_VALUE, points[start:end]))
        result.append(Bucket(column, min(values), max(values), values[-1]))
        start = end
    return result


def format_value(value: float) -> str:
    """Return a loss or an accuracy in at most six characters: `2.31`, `0.042`, `0.0008`, `1e-05`, `1234`."""
    size = abs(value)
    if size < 1e-99:
        return "0"
    if 0.0001 <= value < 0.001:  # where a trained loss ends: read more easily than its power of ten
        return f"{value:.4f}"
    if size >= 10_000 or size < 0.001:
        return f"{value:.0e}"
    if size >= 10:
        return f"{value:.0f}" if size >= 100 else f"{value:.1f}"
    texts = (f"{value:#.{digits}g}" for digits in (3, 2))
    return next((text for text in texts if len(text) <= 6), f"{value:.0e}")
