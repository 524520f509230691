"""All that a person comes back to, read from the store at once: jobs, datasets, models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from tui.jobs.recent_files import recent_files
from tui.records.jobs import Job, JobState
from tui.records.models import ModelInfo
from tui.store.rows import DatasetRecord

if TYPE_CHECKING:
    from tui.records.models import Account
    from tui.store.lists import StoreLists
    from tui.store.store import Store

MOST_JOBS, MOST_DATASETS, MOST_MODELS = 30, 30, 50
UNDER_WAY = frozenset({JobState.PREPARING, JobState.QUEUED, JobState.RUNNING, JobState.FINISHING})
"""States in which a job gets on by itself."""

LOCAL = "local"

JobKey = tuple[str, str]
"""(account, id) of a job."""


class Overview(NamedTuple):
    """What the store knew at one moment."""

    jobs: Sequence[Job] = ()
    """Those under way first, then newest first."""
    datasets: Sequence[DatasetRecord] = ()
    """Newest first."""
    models: Sequence[ModelInfo] = ()
    losses: Mapping[JobKey, Sequence[float]] = MappingProxyType({})
    """Training loss in order of steps, thinned to what a line can show, of jobs that have one."""
    left: Mapping[JobKey, float] = MappingProxyType({})
    """Seconds that a job under way should still take, counted from the moment of reading."""


def needs_radar(accounts: Sequence[Account]) -> bool:
    """True when any account is of a service: the engine on this machine ends nothing and charges nothing."""
    return any(account.ready and account.provider != LOCAL for account in accounts)


def listed(store: StoreLists, losses: Mapping[JobKey, Sequence[float]] | None = None) -> Overview:
    """Return what is listed, with the losses known already: a few milliseconds, whatever jobs hold.

    Raises:
        StoreError: The store can't be read.
    """
    return Overview(
        sorted(store.jobs(limit=MOST_JOBS), key=lambda job: job.state not in UNDER_WAY),
        recent_files(store, MOST_DATASETS),
        store.models()[:MOST_MODELS],
        losses or {},
    )


class OverviewReader:
    """Reads overviews from a store; losses of jobs that ended are read once.

    Args:
        store: Where to read.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._final_losses: dict[JobKey, Sequence[float]] = {}

    def read(self, now: float) -> Overview:
        """Return everything; long jobs have many events, so this is for a worker.

        Args:
            now: Unix seconds that times left are counted from.

        Raises:
            StoreError: The store can't be read.
        """
        from tui.jobs.metrics import eta_seconds  # only jobs under way need it, and not to be listed

        lists = listed(self._store)
        left = {
            (job.account, job.id): eta_seconds(
                job, self._store.recent_metrics_events(job.account, job.id), now
            )
            for job in lists.jobs
            if job.state in UNDER_WAY
        }
        return lists._replace(
            losses={(job.account, job.id): self._losses(job) for job in lists.jobs},
            left={key: seconds for key, seconds in left.items() if seconds is not None},
        )

    def _losses(self, job: Job) -> Sequence[float]:
        key = (job.account, job.id)
        if key in self._final_losses:
            return self._final_losses[key]
        losses = list(self._store.job_outline(job.account, job.id).losses)
        if job.state.is_final:
            self._final_losses = {**self._final_losses, key: losses}
        return losses
