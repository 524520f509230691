"""A job as screens show it, read from the store in one go; for workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from screens.job_words import duration, now
from tui.records.jobs import Checkpoint, Job, JobEvent, JobState
from tui.store.store import Store

Metrics = Mapping[int, Mapping[str, float]]
"""Step -> name -> value, in order of steps."""

LOSS = ("train_loss", "valid_loss", "full_valid_loss")
ACCURACY = ("train_mean_token_accuracy", "valid_mean_token_accuracy", "full_valid_mean_token_accuracy")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is; zeros while nothing is known."""

    step: int = 0
    total_steps: int = 0

    @property
    def fraction(self) -> float:
        """0 to 1."""
        return min(1.0, self.step / self.total_steps) if self.total_steps > 0 else 0.0


@dataclass(frozen=True, slots=True)
class JobView:
    """Everything kept about a job."""

    job: Job
    events: tuple[JobEvent, ...] = ()
    metrics: Metrics = field(default_factory=dict)
    checkpoints: tuple[Checkpoint, ...] = ()
    last_row: int = 0
    """Where the next reading of events goes on."""

    @property
    def progress(self) -> Progress:
        """How far the job is, by its newest metrics."""
        return progress_of(self.job, self.events)


def read_job(store: Store, account: str, job_id: str, known: JobView | None = None) -> JobView | None:
    """Return the job as kept now; events that `known` has are not read again. None when it isn't kept."""
    job = store.job(account, job_id)
    if job is None:
        return None
    after = known.last_row if known is not None else 0
    rows = store.event_rows(account, job_id, after)
    events = (known.events if known is not None else ()) + tuple(event for _, event in rows)
    ordered = (
        tuple(sorted(events, key=lambda event: event.created_at)) if known is not None and rows else events
    )
    return JobView(
        job,
        ordered,
        store.metrics(account, job_id),
        tuple(store.checkpoints(account, job_id)),
        max([after, *(row for row, _ in rows)]),
    )


def progress_of(job: Job, events: tuple[JobEvent, ...]) -> Progress:
    """Return how far a job is, by the newest metrics event that says it; a finished one is all through."""
    for event in reversed(events):
        step, total = event.data.get("step"), event.data.get("total_steps")
        if isinstance(step, int) and isinstance(total, int) and total > 0:
            return Progress(total if job.state is JobState.SUCCEEDED else step, total)
    return Progress()


def series(metrics: Metrics, names: tuple[str, ...]) -> dict[str, list[tuple[int, float]]]:
    """Return the named curves that have points, as a chart takes them."""
    curves = {
        name: [(step, values[name]) for step, values in metrics.items() if name in values] for name in names
    }
    return {name: points for name, points in curves.items() if points}


def time_left(job: Job, progress: Progress, events: tuple[JobEvent, ...]) -> str:
    """Return the time left in words, by the service's estimate or the pace so far; empty if unknown."""
    if job.state.is_final or job.state is JobState.PAUSED:
        return ""
    if job.estimated_finish is not None and job.estimated_finish > now():
        return f"{duration(job.estimated_finish - now())} left"
    steps = [event for event in events if event.type == "metrics"]
    if len(steps) < 2 or not progress.total_steps:
        return ""
    done = [event.data.get("step") for event in (steps[0], steps[-1])]
    if not all(isinstance(step, int) for step in done) or done[1] == done[0]:
        return ""
    pace = (steps[-1].created_at - steps[0].created_at) / (done[1] - done[0])  # type: ignore[operator]
    return f"about {duration(pace * (progress.total_steps - progress.step))} left" if pace > 0 else ""


def without_raw(job: Job) -> Job:
    """Return the job without the service's whole answer, to compare what is shown."""
    return replace(job, raw={})
