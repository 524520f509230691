"""A job's models in the order of training: one prompt to the base, each checkpoint and the result."""

from __future__ import annotations

from dataclasses import dataclass

from tui.errors import TunedeckError
from tui.evals.ports import EvalServices
from tui.records.chats import ChatParameters
from tui.records.comparisons import Side
from tui.records.jobs import Job

SCRUB_PARAMETERS = ChatParameters(temperature=0.0, max_tokens=256)
"""The likeliest answer at each step: what changes is the training, not chance."""


@dataclass(frozen=True, slots=True)
class TrainingStop:
    """A moment of training that can be asked."""

    label: str
    """`base`, `step 22`, `final`."""
    step: int | None
    """None for the base."""
    model: str


def training_stops(services: EvalServices, job: Job) -> tuple[TrainingStop, ...]:
    """Return the moments of a job that can be asked, the earliest first; asks no service.

    Raises:
        TunedeckError: There is neither a checkpoint nor a tuned model yet.
    """
    checkpoints = sorted(
        (one for one in services.store.checkpoints(job.account, job.id) if one.model and one.is_listed),
        key=lambda one: one.step,
    )
    stops = [TrainingStop("base", None, job.model)]
    stops += [TrainingStop(f"step {one.step:,}", one.step, one.model) for one in checkpoints]
    if job.fine_tuned_model:
        last = checkpoints[-1].step if checkpoints else None
        stops = [one for one in stops if one.model != job.fine_tuned_model]
        stops.append(TrainingStop("final", last, job.fine_tuned_model))
    if len(stops) == 1:
        raise TunedeckError(
            f"The job {job.id} has no checkpoint yet.", "One is made at the end of every epoch."
        )
    return tuple(stops)


def stop_sides(
    job: Job,
    stops: tuple[TrainingStop, ...],
    *,
    system: str | None = None,
    parameters: ChatParameters = SCRUB_PARAMETERS,
) -> tuple[Side, ...]:
    """Return the sides that answer at these moments."""
    return tuple(Side(job.account, one.model, system, parameters) for one in stops)
