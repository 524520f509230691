"""What people preferred when they rated blind, to hold a judge against: of the very answers it judges."""

from __future__ import annotations

from dataclasses import dataclass

from tui.chat.lanes import Lane
from tui.evals.compare.blind import side_ask
from tui.evals.plan import EvalPlan
from tui.evals.ports import EvalServices
from tui.records.comparisons import Comparison, Rating, Round

_WINNERS = {Rating.FIRST: "first", Rating.SECOND: "second", Rating.TIE: "tie", Rating.BOTH_BAD: "tie"}
_TURNED = {"first": "second", "second": "first", "tie": "tie"}


@dataclass(frozen=True, slots=True)
class _Said:
    winner: str
    at: int


def blind_ratings(services: EvalServices, plan: EvalPlan) -> dict[str, str]:
    """Return what was rated blind of a plan's two models: case id -> "first", "second" or "tie".

    A rating counts where both models were asked exactly what the plan asks them: rows, prompts, parameters.
    Of several ratings of the same answers the last one counts.

    Args:
        services: The store.
        plan: Of two models; one alone has no ratings.
    """
    if len(plan.contenders) < 2:
        return {}
    first, second = plan.contenders[0], plan.contenders[-1]
    said: dict[tuple[bytes, bytes], _Said] = {}
    for comparison in services.store.comparisons():
        for turned in _ways(comparison, first.lane, second.lane):
            for one in services.store.compared_rounds(comparison.id):
                _take(said, comparison, one, turned=turned)
    digests = {(one.contender, one.case.id): one.ask.digest for one in plan.asks}
    found = {
        case.id: said.get((digests[first, case.id], digests[second, case.id])) for case in plan.test_set.cases
    }
    return {case_id: one.winner for case_id, one in found.items() if one is not None}


def _ways(comparison: Comparison, first: Lane, second: Lane) -> list[bool]:
    """Return how a comparison's sides stand to two models: as they are, turned, or both for one model."""
    sides = tuple(Lane(side.account, side.model) for side in comparison.sides)
    return [turned for turned, pair in ((False, (first, second)), (True, (second, first))) if sides == pair]


def _take(
    said: dict[tuple[bytes, bytes], _Said], comparison: Comparison, one: Round, *, turned: bool
) -> None:
    if one.rating is None:
        return
    left, right = (side_ask(side, one).digest for side in comparison.sides)
    winner = _WINNERS[one.rating]
    key = (right, left) if turned else (left, right)
    before = said.get(key)
    if before is None or before.at <= (one.rated_at or 0):
        said[key] = _Said(_TURNED[winner] if turned else winner, one.rated_at or 0)
