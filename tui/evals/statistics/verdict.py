"""Better, worse, or can't tell yet: what an interval of a difference allows to say, and what would settle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import Any

from tui.evals.statistics.intervals import (
    CONFIDENCE,
    Interval,
    bonett_price,
    bootstrap_mean,
    finite,
    normal_quantile,
)
from tui.evals.statistics.paired import McNemar, mcnemar

POWER = 0.8
"""How likely the rows that are asked for would show the difference, if it is what it seems."""
SMALLEST_DIFFERENCE = 0.02
"""Two points of a hundred: nobody is sent after rows to find less."""
FEWEST_THAT_DIFFER = 6
"""Five rows of one kind happen by chance in 2 / 2^5 = 6 % of cases (sign test), six in 3 %."""
MOST_ROWS = 1_000_000
"""More are not named as a number."""


class Word(StrEnum):
    """What can be said of the second model against the first."""

    BETTER = "better"
    WORSE = "worse"
    UNKNOWN = "can't tell yet"


def reaches(share: float, percent: float) -> bool:
    """Say whether a share is at least so many hundredths; a share that is not known is not.

    Within a billionth: 29 of 100 rows are 29 %, and 100 times 0.29 is less than 29 in binary fractions.
    """
    return math.isfinite(share) and 100 * share >= percent - 1e-9


@dataclass(frozen=True, slots=True)
class PairedVerdict:
    """Two models over the same rows, by one check."""

    word: Word
    rows: int
    first: float
    """Mean score of the first model, 0 to 1."""
    second: float
    difference: Interval
    """Second minus first."""
    more_rows: int | None
    """About how many more rows would show it; None when it is settled, or when they are past counting."""
    test: McNemar | None = None
    """For rows that are right or wrong."""

    @property
    def sentence(self) -> str:
        """The verdict in words, with its interval in points of a hundred."""
        ends = f"{100 * self.difference.low:+.1f} to {100 * self.difference.high:+.1f} points"
        if self.word is not Word.UNKNOWN:
            return f"{self.word} by {100 * self.difference.estimate:+.1f} points ({ends})"
        if self.more_rows is None:
            return f"{self.word} ({ends})"
        row = "row" if self.more_rows == 1 else "rows"
        return f"{self.word}, about {self.more_rows:,} more {row} needed ({ends})"

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "word": self.word.value,
            "rows": self.rows,
            "first": finite(self.first),
            "second": finite(self.second),
            "difference": self.difference.as_json(),
            "more_rows": self.more_rows,
            "power": POWER,
            "mcnemar": self.test.as_json() if self.test else None,
            "sentence": self.sentence,
        }


def compare_paired(
    first: Sequence[float], second: Sequence[float], confidence: float = CONFIDENCE
) -> PairedVerdict:
    """Return the verdict of two lists of scores over the same rows, in the same order.

    Where every score is 0 or 1 the interval is Bonett and Price's and McNemar's test stands beside it; else
    the interval is the paired bootstrap's. The word follows from the interval alone: it excludes 0, or it
    does not. With fewer than six rows that differ nothing is settled, whatever an interval says.

    Args:
        first: Scores of the first model, 0 to 1.
        second: Of the second.
        confidence: Of the interval.

    Raises:
        ValueError: The lists have not the same length.
    """
    differences = [two - one for one, two in zip(first, second, strict=True)]
    rows = len(differences)
    binary = all(score in (0, 1) for score in (*first, *second))
    gained = sum(difference > 0 for difference in differences)
    lost = sum(difference < 0 for difference in differences)
    if binary or not rows:
        interval, test = bonett_price(gained, lost, rows, confidence), mcnemar(gained, lost)
    else:
        interval, test = bootstrap_mean(differences, confidence), None
    word = _word(interval, gained + lost)
    more = more_rows_needed(differences, confidence) if word is Word.UNKNOWN else None
    return PairedVerdict(word, rows, _mean(first), _mean(second), interval, more, test)


def _word(interval: Interval, differing: int) -> Word:
    if differing < FEWEST_THAT_DIFFER or interval.low <= 0 <= interval.high:
        return Word.UNKNOWN
    return Word.BETTER if interval.low > 0 else Word.WORSE


def _mean(scores: Sequence[float]) -> float:
    return sum(scores) / len(scores) if scores else math.nan


def more_rows_needed(
    differences: Sequence[float], confidence: float = CONFIDENCE, power: float = POWER
) -> int | None:
    """Return about how many more rows would show the difference that is seen; None past a million.

    The paired sample size for a mean, n = (z_confidence + z_power)² · variance / difference² (Chow, Shao and
    Wang, "Sample Size Calculations in Clinical Research", section 3.1.2), with the observed difference, or
    two points of a hundred where it is smaller. The variance is taken with one row of +1 and one of -1 added,
    which is Bonett and Price's adjustment: rows that all agree so far do not prove that all rows would.

    Args:
        differences: Second minus first, one for each row so far.
        confidence: Of the interval that is to exclude 0.
        power: How likely it is to do so.
    """
    rows = len(differences)
    mean = sum(differences) / rows if rows else 0.0
    adjusted_mean = sum(differences) / (rows + 2)
    square = (sum(difference * difference for difference in differences) + 2) / (rows + 2)
    variance = square - adjusted_mean * adjusted_mean
    wanted = max(abs(mean), SMALLEST_DIFFERENCE)
    reach = normal_quantile(confidence) + NormalDist().inv_cdf(power)
    needed = math.ceil(reach * reach * variance / (wanted * wanted))
    more = max(1, needed - rows)
    return more if more <= MOST_ROWS else None
