"""A person rates pair after pair: what is to be rated next, what was rated last, how it stands."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from tui.errors import TunedeckError
from tui.evals.compare.blind import BlindRating, Pair, as_shown, rating_of
from tui.evals.statistics.preference import Ratings, stop_advice, win_rate
from tui.records.comparisons import Round
from tui.records.evaluations import EvalAnswer


@dataclass(frozen=True, slots=True)
class BlindView:
    """What stands before the person; no name in it."""

    round: Round | None
    """To be rated; None when there is none that both have answered."""
    left: EvalAnswer | None
    right: EvalAnswer | None
    rated: int
    total: int
    standing: tuple[str, ...]
    """Counts, win rate with its interval, whether to go on."""

    @property
    def is_done(self) -> bool:
        """True when every prompt is rated."""
        return self.rated == self.total

    @property
    def question(self) -> str:
        """What was asked; not safe yet."""
        messages = self.round.messages if self.round is not None else ()
        return next((one.content for one in reversed(messages) if one.role == "user"), "")


def blind_words(rating: BlindRating) -> tuple[str, ...]:
    """Return how a comparison stands without saying which of the two is ahead.

    Who reads "the second" after a single rating knows what stood where, and is blind no longer.
    """
    count = rating.ratings()
    rated = f"{count.total:,} of {len(rating.rounds):,} rated"
    lines = [f"{rated}: {count.decided:,} decided, {count.tie_words}, {count.both_bad:,} both bad."]
    advice = stop_advice(count)
    if count.decided:
        ahead = Ratings(max(count.wins, count.losses), min(count.wins, count.losses))
        share = win_rate(ahead)
        lines.append(
            f"One is preferred in {share.estimate:.0%} (95 % interval {share.low:.0%} to {share.high:.0%})."
        )
    settled = advice.stop and not advice.interval.low <= 0.5 <= advice.interval.high
    lines.append("You can stop now: one of them is preferred." if settled else advice.reason)
    return tuple(lines)


class RatingSession:
    """Rates one comparison; may be called from any thread, one call at a time has the word.

    Args:
        rating: The comparison, as it is kept.
    """

    def __init__(self, rating: BlindRating) -> None:
        self.rating = rating
        self._lock = threading.Lock()
        rated = [one for one in rating.rounds if one.rating is not None]
        rated.sort(key=lambda one: (one.rated_at or 0, one.number))
        self._history = [one.number for one in rated]

    @property
    def can_take_back(self) -> bool:
        """True when there is a rating."""
        return bool(self._history)

    def view(self) -> BlindView:
        """Return the first pair without a rating, and how it stands."""
        with self._lock:
            return self._view()

    def rate(self, number: int, word: str) -> BlindView:
        """Keep what a person said of a pair, and return the next.

        Args:
            number: Of the pair that was shown.
            word: `left`, `right`, `tie` or `both bad`.

        Raises:
            TunedeckError: There is no such pair, or it has no two answers.
        """
        with self._lock:
            self.rating.rate(number, rating_of(word, self.rating.rounds[number - 1]))
            self._history = [*(one for one in self._history if one != number), number]
            return self._view()

    def take_back(self) -> BlindView:
        """Take the last rating back, also one from before this program was started; its pair is shown again.

        Raises:
            TunedeckError: There is none.
        """
        with self._lock:
            if not self._history:
                raise TunedeckError("There is no rating to take back.")
            number = self._history.pop()
            self.rating.rate(number, None)
            return self._view(number)

    def _view(self, wanted: int = 0) -> BlindView:
        shown, pair = self._next(wanted)
        left, right = as_shown(shown, pair) if shown is not None else (None, None)
        rounds = self.rating.rounds
        rated = sum(one.rating is not None for one in rounds)
        return BlindView(shown, left, right, rated, len(rounds), blind_words(self.rating))

    def _next(self, wanted: int) -> tuple[Round | None, Pair]:
        rounds = self.rating.rounds
        for one in [*rounds[wanted - 1 : wanted], *rounds] if wanted else rounds:
            if one.rating is None:
                pair = self.rating.answers(one)
                if None not in pair:
                    return one, pair
        return None, (None, None)
