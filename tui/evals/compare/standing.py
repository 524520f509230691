"""How a blind comparison stands: counts, win rate with its interval, and whether more ratings are needed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tui.evals.compare.blind import BlindRating
from tui.evals.statistics.preference import stop_advice, win_rate
from tui.records.comparisons import Side


def side_json(side: Side) -> dict[str, Any]:
    """Return who answers, with its prompt and what is set of its settings."""
    settings = {name: value for name, value in asdict(side.parameters).items() if value not in (None, ())}
    return {"account": side.account, "model": side.model, "system": side.system, "parameters": settings}


def comparison_json(rating: BlindRating) -> dict[str, Any]:
    """Return how a blind comparison stands."""
    count = rating.ratings()
    return {
        "id": rating.comparison.id,
        "source": rating.comparison.source,
        "created_at": rating.comparison.created_at,
        "sides": [side_json(one) for one in rating.comparison.sides],
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
        f"{count.total:,} of {len(rating.rounds):,} rated; {count.tie_words}, {count.both_bad:,} both bad."
    ]
    if count.decided:
        share = win_rate(count)
        lines.append(
            f"The second is preferred in {share.estimate:.0%} of {count.decided:,} decided "
            f"(95 % interval {share.low:.0%} to {share.high:.0%})."
        )
    lines.append(stop_advice(count).reason)
    return tuple(lines)
