"""What a sweep has cost and may still cost: a launch counts in full from the moment it may have been sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from tui.jobs.ports import JobServices
from tui.jobs.so_far import so_far
from tui.records.jobs import Job, JobState
from tui.records.sweeps import Stage
from tui.store.launch_rows import LaunchRecord, LaunchState


@dataclass(frozen=True, slots=True)
class Spent:
    """Money of one launch or of many."""

    now: Decimal = Decimal(0)
    """What it has cost by now, at the dear end."""
    committed: Decimal = Decimal(0)
    """What it comes to once everything that was sent has ended."""
    unpriced: int = 0
    """Launches of which nobody knows the cost."""

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.now + other.now, self.committed + other.committed, self.unpriced + other.unpriced)


class Spending:
    """Adds up a sweep's money; jobs that are over are looked at once.

    Args:
        services: Store, catalog and accounts.
    """

    def __init__(self, services: JobServices) -> None:
        self._services = services
        self._final: dict[str, Spent] = {}

    def of(self, stages: Sequence[Stage]) -> Spent:
        """Return the money of some launches; rungs that one job trains count together."""
        total = Spent()
        runs: dict[str, list[Stage]] = {}
        for stage in stages:
            runs.setdefault(stage.run_id, []).append(stage)
            answers = Decimal(str(stage.answers_cost))
            total += Spent(answers, answers)
        for run_id, own in runs.items():
            total += self._of_run(run_id, own)
        return total

    def _of_run(self, run_id: str, stages: Sequence[Stage]) -> Spent:
        if run_id in self._final:
            return self._final[run_id]
        record = self._services.store.launch(run_id)
        if record is None or (record.job_id is None and record.state in _UNSENT):
            return Spent()
        prices = [stage.price for stage in stages if stage.price is not None]
        agreed = Decimal(str(sum(prices))) if len(prices) == len(stages) else None
        job = self._job(record)
        if job is None:  # it may exist, so it counts
            return Spent(Decimal(0), agreed or Decimal(0), int(agreed is None))
        spent = self._of_job(job, agreed)
        if job.state.is_final:
            self._final[run_id] = spent
        return spent

    def _job(self, record: LaunchRecord) -> Job | None:
        return None if record.job_id is None else self._services.store.job(record.account, record.job_id)

    def _of_job(self, job: Job, agreed: Decimal | None) -> Spent:
        known = so_far(self._services, job, self._services.store.events(job.account, job.id))
        now = None if known.cost is None else known.cost.high
        if job.state.is_final or job.state is JobState.PAUSED:
            cost = now if now is not None else agreed
            return Spent(cost or Decimal(0), cost or Decimal(0), int(cost is None))
        if agreed is None:
            return Spent(now or Decimal(0), now or Decimal(0), int(now is None))
        return Spent(now or Decimal(0), max(agreed, now or Decimal(0)))


_UNSENT = (LaunchState.PREPARING, LaunchState.REFUSED)
