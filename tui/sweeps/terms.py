"""What a sweep is made from: the job that its trials share, what differs, how it is searched, its caps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from tui.jobs.job_file import JobTerms
from tui.sweeps.space import Axis


class Strategy(StrEnum):
    """How the settings of the next trial are chosen."""

    GRID = "grid"
    RANDOM = "random"
    BAYESIAN = "bayesian"
    """By what the trials before came to: optuna's tree-structured Parzen estimator."""


class RungsBy(StrEnum):
    """How a trial gets to the next rung of a halving, and what that costs."""

    PAUSE = "pause"
    """One job a trial, paused at each rung: winners resume, losers are cancelled; each epoch is paid once."""
    CONTINUE = "continue"
    """A new job trains the tuned model of the rung before by the epochs that are missing: each paid once."""
    FRESH = "fresh"
    """A new job from the base with all epochs of the rung: earlier epochs are paid again."""


VALID_LOSS = "valid_loss"
"""Objective: the loss over the whole validation file where the service tells it, else over a batch."""
LAST, BEST = "last", "best"


@dataclass(frozen=True, slots=True)
class Search:
    """Which settings are tried, and how many at once."""

    strategy: Strategy = Strategy.RANDOM
    trials: int | None = None
    """None takes every combination of a grid."""
    seed: int = 1
    at_once: int | None = None
    """Jobs of the sweep under way together; None takes 1 on the engine and 2 at a service."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What makes one trial better than another."""

    metric: str = VALID_LOSS
    """Name of a job's metric; the lowest is best, but the highest accuracy or reward."""
    take: str = LAST
    """"last", the loss of the model that a job leaves, or "best", the best on the way."""
    evaluate: Path | None = None
    """Test set whose mean score counts instead, the highest best."""
    checks: tuple[str, ...] = ()
    rows: int | None = None
    """So many rows of it only."""

    @property
    def is_score(self) -> bool:
        """True when an evaluation decides."""
        return self.evaluate is not None

    @property
    def highest_is_best(self) -> bool:
        """True for scores, accuracies and rewards."""
        return self.is_score or "accuracy" in self.metric or "reward" in self.metric

    @property
    def words(self) -> str:
        """The objective for people."""
        if self.evaluate is not None:
            return f"score on {self.evaluate.name} ({', '.join(self.checks)})"
        return f"best {self.metric}" if self.take == BEST else f"{self.metric} at the end"

    def is_better(self, one: float, other: float) -> bool:
        """True when the first value is the better one."""
        return one > other if self.highest_is_best else one < other

    def order(self, value: float | None) -> float:
        """Return what to sort trials by, the best first and those without a value last."""
        if value is None or math.isnan(value):
            return math.inf
        return -value if self.highest_is_best else value


@dataclass(frozen=True, slots=True)
class Halving:
    """Successive halving: everybody trains a little, the better part goes on."""

    by: RungsBy
    rungs: tuple[int, ...]
    """Epochs in all at the end of each rung, ascending."""
    keep: float = 0.5
    """Share of a rung that goes on, at least one trial."""

    def kept_of(self, trials: int) -> int:
        """Return how many of so many go on."""
        return max(1, math.ceil(trials * self.keep - 1e-9)) if trials else 0

    def planned(self, trials: int) -> list[int]:
        """Return how many trials there are at each rung, if none fails."""
        counts = [trials]
        for _ in self.rungs[1:]:
            counts.append(self.kept_of(counts[-1]))
        return counts


@dataclass(frozen=True, slots=True)
class Caps:
    """What ends a sweep whatever it has found."""

    money: Decimal | None = None
    """In the currency of the prices: no trial begins that could pass it; running ones are cancelled at it."""
    hours: float | None = None
    """Since the sweep began, also while nobody ran it."""


@dataclass(frozen=True, slots=True)
class SweepTerms:
    """A sweep as a person wrote it."""

    name: str
    job: JobTerms
    axes: tuple[Axis, ...]
    search: Search = field(default_factory=Search)
    objective: Objective = field(default_factory=Objective)
    halving: Halving | None = None
    caps: Caps = field(default_factory=Caps)

    def as_json(self) -> dict[str, Any]:
        """Return the terms as a sweep file holds them; nothing that was left out."""
        shape: dict[str, Any] = {"name": self.name}
        job = self.job.as_json()
        shape |= {name: value for name, value in job.items() if not isinstance(value, Mapping)}
        shape |= {name: dict(value) for name, value in job.items() if isinstance(value, Mapping)}
        shape["space"] = {axis.name: axis.as_json() for axis in self.axes}
        search = self.search
        shape["search"] = _known(
            {"strategy": str(search.strategy), "trials": search.trials, "seed": search.seed,
             "at_once": search.at_once}
        )  # fmt: skip
        goal = self.objective
        if goal.evaluate is not None:
            shape["objective"] = _known(
                {"evaluate": str(goal.evaluate), "checks": list(goal.checks), "rows": goal.rows}
            )
        else:
            shape["objective"] = {"metric": goal.metric, "take": goal.take}
        if self.halving is not None:
            halving = self.halving
            shape["halving"] = {"by": str(halving.by), "rungs": list(halving.rungs), "keep": halving.keep}
        caps = _known(
            {"money": None if self.caps.money is None else float(self.caps.money), "hours": self.caps.hours}
        )
        return {**shape, "caps": caps} if caps else shape


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
