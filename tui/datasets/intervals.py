"""A figure with the range in which the truth lies, from a sample of a file's windows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

CONFIDENCE = 0.95
"""How often the range holds the truth, at least."""
_NORMAL_QUANTILE = 1.959964
_APPROXIMATE = 0.002
"""What texts counted by cuttings may be off by, as a share: tokens at the ends of a cutting are cut, too."""
_UNSEEN = 3
"""Rule of three: what none of n windows showed is, with 95 % confidence, in fewer than 3 / n of them
(Hanley and Lippman-Hand, JAMA 249, 1983)."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, the least and the most that it may be; all three are equal when it is exact."""

    value: float
    low: float
    high: float

    @classmethod
    def exactly(cls, value: float) -> Interval:
        """Return a figure without doubt."""
        return cls(value, value, value)

    @property
    def is_exact(self) -> bool:
        """True when nothing is estimated."""
        return self.low == self.high

    @property
    def error(self) -> float:
        """The larger distance to an end, as a share of the value; 0 when the value is 0."""
        return max(self.high - self.value, self.value - self.low) / self.value if self.value else 0.0

    def as_json(self) -> dict[str, Any]:
        """Return both ends, rounded outward."""
        return {"low": math.floor(self.low), "high": math.ceil(self.high)}


def total_from(values: Sequence[float], doubts: Sequence[tuple[float, float]], windows: int) -> Interval:
    """Return what all windows sum to, by a random sample of them.

    Args:
        values: What each window drawn sums to.
        doubts: By how much each value may be too high and too low, beside what the sample shows.
        windows: How many windows the file has.
    """
    drawn = len(values)
    mean = math.fsum(values) / drawn
    unread = max(0.0, 1 - drawn / windows)
    below, above = (math.fsum(side) / drawn + _APPROXIMATE * mean for side in zip(*doubts, strict=True))
    if unread and drawn > 1:
        spread_below, spread_above = _spread(values, student_quantile(drawn - 1))
        unseen = unread * min(1.0, _UNSEEN / drawn)
        below += math.hypot(math.sqrt(unread) * spread_below, unseen * (mean - min(values)))
        above += math.hypot(math.sqrt(unread) * spread_above, unseen * (max(values) - mean))
    return Interval(windows * mean, windows * max(0.0, mean - below), windows * (mean + above))


def _spread(values: Sequence[float], quantile: float) -> tuple[float, float]:
    """Return how far the mean of a sample may lie above and below the true one.

    What exceeds the median and what falls short of it are taken apart. Each counts as a number of equal
    events, (sum)² / (sum of squares), and its range is that of a Poisson count (gamma quantiles by Wilson
    and Hilferty). Where values lie alike on both sides that is Student's interval; where a few windows hold
    nearly all, it is as lopsided as the truth.
    """
    middle = median(values)
    over = [value - middle for value in values if value > middle]
    under = [middle - value for value in values if value < middle]
    over_less, over_more = _poisson_spread(over, quantile)
    under_less, under_more = _poisson_spread(under, quantile)
    drawn = len(values)
    return math.hypot(over_less, under_more) / drawn, math.hypot(over_more, under_less) / drawn


def _poisson_spread(parts: Sequence[float], quantile: float) -> tuple[float, float]:
    """Return by how much the sum of positive numbers may be too high and too low."""
    total = math.fsum(parts)
    if not total:
        return 0.0, 0.0
    events = total * total / math.fsum(part * part for part in parts)
    least = _gamma_quantile(events, -quantile) / events
    most = _gamma_quantile(events + 1, quantile) / events
    return total * (1 - least), total * (most - 1)


def _gamma_quantile(shape: float, normal: float) -> float:
    """Return the quantile of a gamma distribution of scale 1 that has a normal's `normal` above it."""
    return shape * max(0.0, 1 - 1 / (9 * shape) + normal / (3 * math.sqrt(shape))) ** 3


def student_quantile(freedom: int) -> float:
    """Return Student's t for 95 % between both ends.

    Cornish and Fisher's expansion: 1 % low at 3 degrees of freedom, right to 4 digits from 10 on.

    Args:
        freedom: Degrees of freedom, 1 or more.
    """
    z = _NORMAL_QUANTILE
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
