"""Confidence intervals of one proportion, one mean and one difference, each with the source of its rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONFIDENCE = 0.95
"""Of every interval that is shown, unless the caller says otherwise."""
RESAMPLES = 9_999
"""Of a bootstrap; scipy's own default."""
SEED = 20_261_121
"""Fixed, so that the same answers always give the same report."""
_NUMBERS_AT_ONCE = 4_000_000
"""Drawn at a time, 32 MB: ten thousand rows must not take a gigabyte."""
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the two ends between which the truth lies at the stated confidence."""

    estimate: float
    low: float
    high: float
    confidence: float = CONFIDENCE
    method: str = ""
    """Name of the rule, for reports."""

    @property
    def half_width(self) -> float:
        """Half the distance between the ends."""
        return (self.high - self.low) / 2

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values: null for what is not known, which JSON has no number for."""
        return {
            "estimate": finite(self.estimate),
            "low": finite(self.low),
            "high": finite(self.high),
            "confidence": self.confidence,
            "method": self.method,
        }


def finite(value: float) -> float | None:
    """Return a number that JSON has, or None."""
    return value if math.isfinite(value) else None


def normal_quantile(confidence: float) -> float:
    """Return z such that a standard normal lies within ±z with this probability."""
    return _NORMAL.inv_cdf(0.5 + confidence / 2)


def wilson(successes: float, rows: int, confidence: float = CONFIDENCE) -> Interval:
    """Return the score interval of a proportion.

    Wilson, E. B. (1927), "Probable inference, the law of succession, and statistical inference", JASA 22;
    without continuity correction, as `scipy.stats.binomtest(...).proportion_ci(method="wilson")`.

    Args:
        successes: How many rows are right.
        rows: How many rows there are; with none the interval is 0 to 1.
        confidence: Of the interval.
    """
    if rows == 0:
        return Interval(math.nan, 0.0, 1.0, confidence, "Wilson")
    z = normal_quantile(confidence)
    share = successes / rows
    scale = 1 + z * z / rows
    centre = (share + z * z / (2 * rows)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == rows else min(1.0, centre + half)
    return Interval(share, low, high, confidence, "Wilson")


def bonett_price(gained: int, lost: int, rows: int, confidence: float = CONFIDENCE) -> Interval:
    """Return the interval of the difference of two proportions over the same rows.

    Bonett, D. G. and Price, R. M. (2012), "Adjusted Wald confidence interval for a difference of binomial
    proportions based on paired data", J. Educ. Behav. Stat. 37(4): one row is added to each kind of
    difference. Recommended for paired proportions by Fagerland, Lydersen and Laake (2014), Stat. Med. 33.

    Args:
        gained: Rows that only the second model has right.
        lost: Rows that only the first has right.
        rows: All rows, those without a difference too.
        confidence: Of the interval.
    """
    if rows == 0:
        return Interval(math.nan, -1.0, 1.0, confidence, "Bonett-Price")
    up, down = (gained + 1) / (rows + 2), (lost + 1) / (rows + 2)
    half = normal_quantile(confidence) * math.sqrt((up + down - (up - down) ** 2) / (rows + 2))
    low, high = max(-1.0, up - down - half), min(1.0, up - down + half)
    return Interval((gained - lost) / rows, low, high, confidence, "Bonett-Price")


def bootstrap_mean(
    values: Sequence[float],
    confidence: float = CONFIDENCE,
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval:
    """Return the bias-corrected and accelerated bootstrap interval of a mean.

    Of paired differences this is the paired bootstrap: rows are drawn, never single answers. Efron, B.
    (1987), "Better bootstrap confidence intervals", JASA 82; agrees with `scipy.stats.bootstrap` at the same
    seed. Where all values are the same, both ends are that value.

    Args:
        values: One for each row.
        confidence: Of the interval.
        resamples: How often rows are drawn.
        seed: Of the random numbers.
    """
    import numpy as np

    data = np.asarray(values, dtype=float)
    if not len(data):
        return Interval(math.nan, -math.inf, math.inf, confidence, "bootstrap (BCa)")
    mean = float(data.mean())
    if len(data) == 1 or np.all(data == data[0]):
        return Interval(mean, mean, mean, confidence, "bootstrap (BCa)")
    means = _resampled_means(data, resamples, seed)
    low, high = _bca_ends(data, means, mean, confidence)
    return Interval(mean, low, high, confidence, "bootstrap (BCa)")


def _resampled_means(data: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    import numpy as np

    generator = np.random.default_rng(seed)
    rows = len(data)
    at_once = max(1, _NUMBERS_AT_ONCE // rows)
    parts = []
    for start in range(0, resamples, at_once):
        drawn = generator.integers(0, rows, (min(at_once, resamples - start), rows))
        parts.append(data[drawn].mean(axis=-1))
    return np.concatenate(parts)


def _bca_ends(
    data: NDArray[np.float64], means: NDArray[np.float64], mean: float, confidence: float
) -> tuple[float, float]:
    import numpy as np

    below = (np.count_nonzero(means < mean) + np.count_nonzero(means <= mean)) / (2 * len(means))
    if not 0 < below < 1:
        share = (1 - confidence) / 2
        return float(np.quantile(means, share)), float(np.quantile(means, 1 - share))
    bias = _NORMAL.inv_cdf(below)
    # Leaving out one row moves a mean by this row's distance from it: the jackknife needs no loop.
    influence = data - mean
    acceleration = float((influence**3).sum() / (6 * (influence**2).sum() ** 1.5))
    ends = []
    for share in ((1 - confidence) / 2, (1 + confidence) / 2):
        shifted = bias + _NORMAL.inv_cdf(share)
        adjusted = _NORMAL.cdf(bias + shifted / (1 - acceleration * shifted))
        ends.append(float(np.quantile(means, adjusted)))
    return ends[0], ends[1]
