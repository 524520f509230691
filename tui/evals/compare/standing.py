"""How a blind comparison stands: counts, win rate with its interval, and whether more ratings are needed."""

from __future__ import annotations

from typing import Any

from tui.evals.compare.blind import BlindRating
from tui.evals.statistics.preference import stop_advice, win_rate


def comparison_json(rating: BlindRating) -> dict[str, Any]:
    """Return how a blind comparison stands."""
    count = rating.ratings()
    sides = [
        {"account": one.account, "model": one.model, "system": one.system}
        for one in rating.comparison.sides
    ]  # fmt: skip
    return {
        "id": rating.comparison.id,
        "source": rating.comparison.source,
        "created_at": rating.comparison.created_at,
        "sides": sides,
        "prompts": len(rating.rounds),
        "rated": count.total,
        "first": count.losses,
        "second": count.wins,
        "ties": count.ties,
        "both_bad": count.both_bad,
        "win_rate_of_second": None if not count.decided else win_rate(count).as_json(),
        "advice": stop_advice(count).as_json(),
    }


def standing_words(rating: BlindRating) -> tuple[str, ...]:
    """Return how a blind comparison stands, in lines without names: nobody is told which is which."""
    count = rating.ratings()
    lines = [
        f"{count.total:,} of {len(rating.rounds):,} rated; {count.ties:,} ties, {count.both_bad:,} both bad."
    ]
    if count.decided:
        share = win_rate(count)
        lines.append(
            f"The second is preferred in {share.estimate:.0%} of {count.decided:,} decided "
            f"(95 % interval {share.low:.0%} to {share.high:.0%})."
        )
    lines.append(stop_advice(count).reason)
    return tuple(lines)
