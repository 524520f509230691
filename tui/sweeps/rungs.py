"""Who goes on at each rung of a successive halving: a pure function of what was measured, so that any process
that asks after a crash gets the same answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tui.records.sweeps import Stage, Trial, TrialState
from tui.sweeps.terms import Halving, Objective

_LOST = (TrialState.FAILED, TrialState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a whole rung comes to."""

    rung: int
    winners: tuple[int, ...]
    """Numbers of the trials that go on, the best first."""
    losers: tuple[int, ...]


def verdicts(
    halving: Halving,
    objective: Objective,
    trials: Sequence[Trial],
    stages: Sequence[Stage],
    *,
    all_asked: bool,
) -> list[Verdict]:
    """Return the verdict of every rung that all of its trials have reached; the last rung needs none.

    Args:
        halving: The rungs, and how many go on.
        objective: What is better.
        trials: All that were asked for.
        stages: What they came to at each rung.
        all_asked: Whether no further trial will begin at the first rung.
    """
    if not all_asked:
        return []
    values: dict[int, dict[int, float]] = {}
    for stage in stages:
        if stage.value is not None:
            values.setdefault(stage.rung, {})[stage.number] = stage.value
    by_number = {trial.number: trial for trial in trials}
    there = list(by_number)
    found: list[Verdict] = []
    for rung in range(len(halving.rungs) - 1):
        measured = values.get(rung, {})
        if not _is_whole(there, measured, by_number, rung):
            break
        ranked = sorted(
            (number for number in there if number in measured),
            key=lambda number: (objective.order(measured[number]), number),
        )
        kept = halving.kept_of(len(ranked))
        found.append(Verdict(rung, tuple(ranked[:kept]), tuple(ranked[kept:])))
        there = ranked[:kept]
        if not there:
            break
    return found


def _is_whole(
    there: Sequence[int], measured: Mapping[int, float], trials: Mapping[int, Trial], rung: int
) -> bool:
    return all(
        number in measured or (trials[number].state in _LOST and trials[number].rung <= rung)
        for number in there
    )
