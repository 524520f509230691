"""How much each axis of a sweep mattered: the share of the objective's differences that it explains alone.

For every axis the trials are put into groups: by value, or a range's numbers into thirds of equal count. What
the group's means explain of the variance is eta squared; as few trials in many groups explain much by chance,
it is put right for that (epsilon squared: T. L. Kelley, "An unbiased correlation ratio measure", 1935), and
never below 0. It says nothing of two axes that only matter together. optuna's fANOVA would, at the price of
scikit-learn's 40 MB and of more trials than a sweep of paid jobs has.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.records.sweeps import Stage, Trial
from tui.sweeps.space import Axis
from tui.sweeps.terms import SweepTerms

_PARTS = 3
_FEWEST = 4
"""Trials below which nothing is said."""


@dataclass(frozen=True, slots=True)
class Importance:
    """What one axis explains."""

    name: str
    share: float | None
    """0 to 1; None where there are too few trials, or they don't differ."""
    trials: int

    def as_json(self) -> dict[str, Any]:
        """Return it for `--json`."""
        return {"name": self.name, "share": self.share, "trials": self.trials}


def importance_of(terms: SweepTerms, trials: Sequence[Trial], stages: Sequence[Stage]) -> list[Importance]:
    """Return what each axis explains, the most important first.

    With a halving the values of the first rung count: only these are of the same amount of training.
    """
    first = {stage.number: stage.value for stage in stages if stage.rung == 0}
    known: list[tuple[Mapping[str, Any], float]] = [
        (trial.settings, value)
        for trial in trials
        if (value := first.get(trial.number)) is not None and math.isfinite(value)
    ]
    found = [_of_axis(axis, known) for axis in terms.axes]
    return sorted(found, key=lambda one: -(one.share if one.share is not None else -1.0))


def _of_axis(axis: Axis, known: Sequence[tuple[Mapping[str, Any], float]]) -> Importance:
    groups = _groups(axis, known)
    values = [value for _, value in known]
    count = len(values)
    mean = sum(values) / count if count else 0.0
    total = sum((value - mean) ** 2 for value in values)
    if count < _FEWEST or len(groups) < 2 or total <= 0 or count <= len(groups):
        return Importance(axis.name, None, count)
    within = 0.0
    for group in groups.values():
        middle = sum(group) / len(group)
        within += sum((value - middle) ** 2 for value in group)
    by_chance = (len(groups) - 1) * within / (count - len(groups))
    return Importance(axis.name, max(0.0, (total - within - by_chance) / total), count)


def _groups(axis: Axis, known: Sequence[tuple[Mapping[str, Any], float]]) -> dict[Hashable, list[float]]:
    if not axis.is_range:
        groups: dict[Hashable, list[float]] = {}
        for settings, value in known:
            groups.setdefault(settings.get(axis.name), []).append(value)
        return groups
    ordered = sorted(known, key=lambda one: float(one[0].get(axis.name, 0)))
    parts: dict[Hashable, list[float]] = {}
    for place, (_, value) in enumerate(ordered):
        parts.setdefault(place * _PARTS // len(ordered), []).append(value)
    return parts
