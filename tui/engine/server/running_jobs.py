"""The workers under way: which job each is on, where it runs, and when it is ended by force."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tui.engine.executors.protocol import Executor, RunningWorker


@dataclass(slots=True)
class RunningJob:
    """A job and its worker."""

    job_id: str
    worker: RunningWorker
    executor: Executor
    kill_at: float | None = None
    """When it is ended by force (monotonic seconds); None until it was asked to stop."""

    @property
    def is_overdue(self) -> bool:
        """True when it was asked to stop and did not in time."""
        return self.kill_at is not None and time.monotonic() > self.kill_at


class RunningJobs:
    """All of them by job id. The scheduler's thread changes it under the jobs' lock; others may look."""

    def __init__(self) -> None:
        self._jobs: dict[str, RunningJob] = {}

    def add(self, job: RunningJob) -> None:
        """Take a job up."""
        self._jobs[job.job_id] = job

    def remove(self, job_id: str) -> None:
        """Let a job go whose worker has ended."""
        self._jobs.pop(job_id, None)

    def get(self, job_id: str) -> RunningJob | None:
        """Return the job's worker, if one is on it."""
        return self._jobs.get(job_id)

    def all(self) -> list[RunningJob]:
        """Return a copy, oldest first."""
        return list(self._jobs.values())

    def here(self) -> list[RunningJob]:
        """Return those that take this machine's cores."""
        return [job for job in self.all() if job.executor.here]

    def on(self, executor: str) -> int:
        """Return how many run on the executor of that name."""
        return sum(job.executor.name == executor for job in self.all())
