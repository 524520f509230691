"""What a trial came to: a loss from its job's numbers, or the score of its model on held-out rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from tui.errors import TunedeckError
from tui.jobs.ports import JobServices
from tui.records.jobs import Job
from tui.sweeps.ports import SweepServices
from tui.sweeps.terms import BEST, VALID_LOSS, Objective

_WHOLE = "full_"
"""Before the name of a metric that was measured over the whole validation file."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The value of a trial, or why there is none."""

    value: float | None
    problem: str = ""
    answers_cost: float = 0.0
    """What the answers of an evaluation have cost."""
    is_complete: bool = True
    """False for an evaluation that was stopped or capped: it is asked again, and nothing is paid twice."""


def metric_value(
    steps: Mapping[int, Mapping[str, float]], objective: Objective, up_to: int | None = None
) -> float | None:
    """Return the objective's metric of a job, the last or the best one; None where there is none.

    What was measured over the whole validation file goes before what a batch of it gave.

    Args:
        steps: Step -> name -> value, as the store keeps them.
        objective: Which metric, and which of its values.
        up_to: Leave out later steps.
    """
    names = [objective.metric]
    if objective.metric == VALID_LOSS or objective.metric.startswith("valid_"):
        names.insert(0, _WHOLE + objective.metric)
    for name in names:
        values = [
            values[name]
            for step, values in sorted(steps.items())
            if name in values and (up_to is None or step <= up_to)
        ]
        if values:
            if objective.take == BEST:
                return max(values) if objective.highest_is_best else min(values)
            return values[-1]
    return None


def measure_job(services: JobServices, job: Job, objective: Objective, up_to: int | None = None) -> Measured:
    """Return the objective's metric of a job as it is kept."""
    value = metric_value(services.store.metrics(job.account, job.id), objective, up_to)
    if value is None:
        return Measured(None, f"its job tells no {objective.metric}")
    return Measured(value)


def measure_answers(
    services: SweepServices,
    job: Job,
    objective: Objective,
    *,
    max_cost: Decimal | None,
    cancelled: Callable[[], bool],
) -> Measured:
    """Ask a trial's model the held-out rows; answers are kept, so a second call asks what is missing.

    Raises:
        ProviderError: The service refuses everything, or goes on failing.
        TunedeckError: The test set can't be read, or a check is wrong.
    """
    from tui.evals.run import run_evaluation
    from tui.evals.setup import EvalWish, planned

    if not job.fine_tuned_model or objective.evaluate is None:
        raise TunedeckError("the job has made no model that could be asked", "")
    wish = EvalWish(
        file=objective.evaluate, model=job.fine_tuned_model, account=job.account, checks=objective.checks,
        limit=objective.rows, max_cost=max_cost, perplexity=False,
    )  # fmt: skip
    result = run_evaluation(services, planned(services, wish), cancelled=cancelled)
    found = result.contenders[-1]
    cost = 0.0 if found.cost is None else float(found.cost.high)
    if not result.complete:
        return Measured(None, result.why_incomplete, cost, is_complete=False)
    score = found.score.estimate
    return Measured(None if score != score else score, "" if score == score else "no row has a score", cost)
