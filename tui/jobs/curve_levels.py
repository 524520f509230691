"""Levels of a noisy curve: medians of stretches with standard errors, so that one spike moves nothing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

Point = tuple[int, float]
"""Step and value."""

_STRETCHES = 20
"""Into how many stretches a long curve is cut."""
_NEWEST = 10
"""Most points of the newest level: news must not wait for a twentieth of a long job."""
_TINY = 1e-12
"""Below it a loss has no share that means anything."""
_SIGMA_PER_MAD = 1.4826
"""Standard deviation of a normal distribution per median absolute deviation."""
_MEDIAN_ERROR = 1.2533
"""Standard error of a median per that of a mean, for normal noise: the root of pi / 2."""


@dataclass(frozen=True, slots=True)
class Level:
    """Where a curve was over a stretch of steps."""

    step: int
    """Last step of the stretch."""
    value: float
    """Median of its values."""
    error: float
    """Standard error of the median, as a share of it."""


def noise_of(points: Sequence[Point]) -> float:
    """Return the noise of single points as a share of their value, from the jumps between neighbours.

    A share, because the scatter of batch losses shrinks with the loss itself.
    """
    pairs = itertools.pairwise(points)
    jumps = [math.log(after[1] / before[1]) for before, after in pairs if _comparable(before[1], after[1])]
    if len(jumps) < 2:
        return 0.0
    middle = median(jumps)
    return _SIGMA_PER_MAD * median(abs(jump - middle) for jump in jumps) / math.sqrt(2)


def _comparable(before: float, after: float) -> bool:
    return before > _TINY and after > _TINY


def levels_of(points: Sequence[Point], *, least: int, noise: float) -> list[Level]:
    """Return the levels of a curve in order, cut from its end so that the newest stretch is whole.

    Args:
        points: (step, value), steps ascending.
        least: Fewest points of a stretch; a long curve takes a twentieth of its points.
        noise: Of single points, as `noise_of` gives it.
    """
    size = max(least, math.ceil(len(points) / _STRETCHES))
    ends = list(range(len(points), 0, -size))[::-1]
    levels = [level_of(points[max(0, end - size) : end], noise) for end in ends]
    # A remainder at the beginning of less than half a stretch says too little by itself.
    return levels[1:] if len(levels) > 1 and ends[0] < size / 2 else levels


def level_of(points: Sequence[Point], noise: float) -> Level:
    """Return the level of one stretch, which has at least one point."""
    error = _MEDIAN_ERROR * noise / math.sqrt(len(points))
    return Level(points[-1][0], median(value for _, value in points), error)


def newest_level(points: Sequence[Point], *, least: int, noise: float) -> Level:
    """Return where the curve is now, over as few points as its noise allows."""
    return level_of(points[-max(least, min(_NEWEST, len(points) // 4)) :], noise)


def has_risen(before: Level, after: Level, *, change: float, noises: float) -> bool:
    """True when `after` is above `before` by a share of it and by so many standard errors."""
    if after.value - before.value <= abs(before.value) * change:
        return False
    if not _comparable(before.value, after.value):
        return True  # from nothing, or below it: there is no share to be unsure of
    return math.log(after.value / before.value) > noises * math.hypot(before.error, after.error)
