"""A job as screens show it, read from the store in one go; for workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from screens.job_words import now, rough_duration
from tui.jobs.checkpoint_use import CheckpointUse, checkpoint_uses
from tui.jobs.diagnosis import Diagnosis, diagnose_job
from tui.jobs.metrics import Progress, eta_seconds, progress_from
from tui.jobs.ports import JobServices
from tui.jobs.so_far import SoFar, so_far
from tui.records.jobs import Checkpoint, Job, JobEvent, JobState
from tui.store.archive_queries import ArchiveNote
from tui.store.stop_queries import JobAction
from tui.store.store import Store

Metrics = Mapping[int, Mapping[str, float]]
"""Step -> name -> value, in order of steps."""

LOSS = ("train_loss", "valid_loss", "full_valid_loss")
ACCURACY = ("train_mean_token_accuracy", "valid_mean_token_accuracy", "full_valid_mean_token_accuracy")


@dataclass(frozen=True, slots=True)
class JobView:
    """Everything kept about a job."""

    job: Job
    events: tuple[JobEvent, ...] = ()
    metrics: Metrics = field(default_factory=dict)
    checkpoints: tuple[Checkpoint, ...] = ()
    last_row: int = 0
    """Where the next reading of events goes on."""
    diagnosis: Diagnosis | None = None
    """What the curves say."""
    archive: ArchiveNote | None = None
    """Where the copy of an ended job lies, or why there is none yet."""
    stop_rules: str = ""
    """By which rules it is stopped, in a line."""
    actions: tuple[JobAction, ...] = ()
    """What those rules did."""
    uses: Mapping[str, CheckpointUse] = field(default_factory=dict)
    """What can be done with each checkpoint, by its id."""
    so_far: SoFar = field(default_factory=SoFar)
    """Tokens and money until now."""
    dataset: Path | None = None
    """The person's own file; None where the job was not launched from here."""

    @property
    def progress(self) -> Progress:
        """How far the job is, by its newest metrics."""
        return progress_from(self.events) or Progress(0, None)

    @property
    def fraction(self) -> float:
        """The same as a share from 0 to 1; 0 while nothing is known."""
        return 1.0 if self.job.state is JobState.SUCCEEDED else self.progress.share or 0.0


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
    metrics = store.metrics(account, job_id)
    progress = progress_from(ordered)
    return JobView(
        job,
        ordered,
        metrics,
        tuple(store.checkpoints(account, job_id)),
        max([after, *(row for row, _ in rows)]),
        diagnose_job(job, metrics, progress.total_steps if progress else None),
        store.archive_note(account, job_id),
        store.stop_rules(account, job_id),
        tuple(store.job_actions(account, job_id)),
    )


def read_whole_job(
    services: JobServices, account: str, job_id: str, known: JobView | None = None
) -> JobView | None:
    """Return the job as `read_job` does, with what the catalog and the accounts say of it."""
    view = read_job(services.store, account, job_id, known)
    if view is None:
        return None
    launch = services.store.launch_of_job(account, job_id)
    return replace(
        view,
        dataset=launch.dataset_path if launch is not None else None,
        uses=checkpoint_uses(services, view.job, view.checkpoints),
        so_far=so_far(services, view.job, view.events, now=now()),
    )


def series(metrics: Metrics, names: tuple[str, ...]) -> dict[str, list[tuple[int, float]]]:
    """Return the named curves that have points, as a chart takes them."""
    curves = {
        name: [(step, values[name]) for step, values in metrics.items() if name in values] for name in names
    }
    return {name: points for name, points in curves.items() if points}


def time_left(view: JobView) -> str:
    """Return the time left in words; empty when the job does not run or nothing is known yet."""
    seconds = eta_seconds(view.job, view.events, now())
    return f"{rough_duration(seconds)} left" if seconds else ""
