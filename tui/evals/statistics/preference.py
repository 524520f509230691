"""Which of two models people or a judge prefer: win rates, and when enough ratings have been given.

Whoever rates looks at the count after every rating, and stops when it looks good. An ordinary interval is
wrong then: looked at often enough, it excludes one half sooner or later although nothing differs. The test
here may be looked at after each rating. It is the mixture martingale of the binomial with a uniform mixture
(Robbins 1970, "Statistical methods related to the law of the iterated logarithm", Ann. Math. Stat. 41;
Howard, Ramdas, McAuliffe and Sekhon 2021, "Time-uniform, nonparametric, nonasymptotic confidence sequences",
Ann. Stat. 49): M(p) = B(1 + wins, 1 + losses) / (p^wins (1 - p)^losses). By Ville's inequality M(p) reaches
1/0.05 with at most 5 % probability in the whole of time where p is the truth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tui.evals.statistics.intervals import CONFIDENCE, Interval, wilson

EVEN_WITHIN = 0.1
"""Between 40 and 60 of a hundred nobody has a preference worth more ratings."""
_MOST_RATINGS = 100_000
_STEPS = 60


@dataclass(frozen=True, slots=True)
class Ratings:
    """What was preferred, counted."""

    wins: int
    """Ratings for the second model."""
    losses: int
    """For the first."""
    ties: int = 0
    both_bad: int = 0

    @property
    def decided(self) -> int:
        """Ratings that name one of the two."""
        return self.wins + self.losses

    @property
    def total(self) -> int:
        """All ratings."""
        return self.decided + self.ties + self.both_bad

    @property
    def tie_words(self) -> str:
        """`1 tie`, `2 ties`."""
        return f"{self.ties:,} tie" if self.ties == 1 else f"{self.ties:,} ties"


def win_rate(ratings: Ratings, confidence: float = CONFIDENCE) -> Interval:
    """Return the share of the second model among decided ratings, with Wilson's interval.

    Ties and "both bad" are told beside it: they say nothing about which of the two is preferred.
    """
    return wilson(ratings.wins, ratings.decided, confidence)


@dataclass(frozen=True, slots=True)
class StopAdvice:
    """Whether to go on rating."""

    stop: bool
    reason: str
    """A sentence."""
    p_value: float
    """Always valid: however often it was looked at before, below 0.05 means what it says."""
    interval: Interval
    """The confidence sequence at this rating."""
    more_ratings: int | None
    """About how many more decided ratings settle it at this rate; None when settled or past counting."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "stop": self.stop,
            "reason": self.reason,
            "p_value": self.p_value,
            "interval": self.interval.as_json(),
            "more_ratings": self.more_ratings,
        }


def stop_advice(
    ratings: Ratings, confidence: float = CONFIDENCE, *, even_within: float = EVEN_WITHIN
) -> StopAdvice:
    """Say whether the ratings so far settle who is preferred, or that nobody is.

    Args:
        ratings: All of them so far; they may be looked at after each one.
        confidence: That a stop is right, over all looks together.
        even_within: Distance from one half within which nobody counts as preferred.
    """
    wins, losses = ratings.wins, ratings.losses
    interval = confidence_sequence(wins, losses, confidence)
    p_value = min(1.0, math.exp(-_log_martingale(wins, losses, 0.5)))
    if interval.low > 0.5 or interval.high < 0.5:
        which = "second" if interval.low > 0.5 else "first"
        return StopAdvice(True, f"You can stop now: the {which} is preferred.", p_value, interval, None)
    if interval.low >= 0.5 - even_within and interval.high <= 0.5 + even_within:
        words = (
            f"You can stop now: no preference beyond {50 + 100 * even_within:.0f} to "
            f"{50 - 100 * even_within:.0f}."
        )
        return StopAdvice(True, words, p_value, interval, None)
    more = _more_ratings(ratings, confidence)
    words = "Go on: not settled yet" + ("." if more is None else f", about {more:,} more at this rate.")
    return StopAdvice(False, words, p_value, interval, more)


def confidence_sequence(wins: int, losses: int, confidence: float = CONFIDENCE) -> Interval:
    """Return the shares that no look has ruled out: where the martingale stays below 1 / (1 - confidence)."""
    total = wins + losses
    if total == 0:
        return Interval(math.nan, 0.0, 1.0, confidence, "confidence sequence")
    threshold, share = -math.log(1 - confidence), wins / total

    def ruled_out(p: float) -> bool:
        return _log_martingale(wins, losses, p) >= threshold

    low = 0.0 if wins == 0 else _edge(0.0, share, ruled_out)
    high = 1.0 if losses == 0 else 1 - _edge(0.0, 1 - share, lambda p: ruled_out(1 - p))
    return Interval(share, low, high, confidence, "confidence sequence")


def _edge(outside: float, inside: float, ruled_out: Any) -> float:
    """Return where being ruled out begins between a point that is and one that is not, by halving."""
    for _ in range(_STEPS):
        middle = (outside + inside) / 2
        if ruled_out(middle):
            outside = middle
        else:
            inside = middle
    return outside


def _log_martingale(wins: int, losses: int, p: float) -> float:
    mixture = math.lgamma(wins + 1) + math.lgamma(losses + 1) - math.lgamma(wins + losses + 2)
    likelihood = 0.0
    for count, share in ((wins, p), (losses, 1 - p)):
        if count:
            likelihood += count * math.log(share) if share > 0 else -math.inf
    return mixture - likelihood


def _more_ratings(ratings: Ratings, confidence: float) -> int | None:
    if not ratings.decided or ratings.wins == ratings.losses:
        return None
    share, threshold = ratings.wins / ratings.decided, -math.log(1 - confidence)

    def settled(total: int) -> bool:
        wins = round(share * total)
        return _log_martingale(wins, total - wins, 0.5) >= threshold

    high = ratings.decided + 1
    while not settled(high):
        high *= 2
        if high > _MOST_RATINGS:
            return None
    low = max(ratings.decided, high // 2)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if settled(middle) else (middle, high)
    return high - ratings.decided
