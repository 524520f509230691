"""What a client can do to a job that waits: give it another priority, another time, or another place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tui.engine.api_errors import ApiError
from tui.engine.server.job_queue import PRIORITIES, queued
from tui.engine.server.job_record import JobRecord
from tui.engine.server.job_store import JobStore

if TYPE_CHECKING:
    from tui.engine.server.queue_schema import Requeue


@dataclass(frozen=True, slots=True)
class _Neighbours:
    """The jobs that wait with the same priority, in their order, and where one of them is."""

    jobs: list[JobRecord]
    index: int


class QueueService:
    """Changes the order of the engine's queue; each change is written down before it is answered."""

    def __init__(self, jobs: JobStore) -> None:
        self._jobs = jobs

    def requeue(self, job_id: str, body: Requeue) -> dict[str, Any]:
        """Change how a job waits, and return it.

        Raises:
            ApiError: 404 when there is no such job, 400 when it does not wait.
        """
        with self._jobs.changed:
            record = self._jobs.get(job_id)
            if record.status not in ("queued", "validating_files"):
                raise ApiError(400, f"Job {job_id} is {record.status}; only one that waits has a place.")
            self._jobs.change(job_id, lambda job: _take(job, body))
            if body.place is not None and record.status == "queued":
                self._move(job_id, body.place)
            return self._jobs.get(job_id).as_object()

    def _move(self, job_id: str, place: str) -> None:
        around = self._around(job_id)
        wanted = {
            "first": 0, "up": around.index - 1, "down": around.index + 1, "last": len(around.jobs) - 1,
        }[place]  # fmt: skip
        wanted = min(max(wanted, 0), len(around.jobs) - 1)
        order = [job.queue_order for job in around.jobs]
        jobs = [job.id for job in around.jobs]
        jobs.insert(wanted, jobs.pop(around.index))
        for moved, number in zip(jobs, _rising(order), strict=True):
            if self._jobs.get(moved).queue_order != number:
                self._jobs.change(moved, partial(_put, number))

    def _around(self, job_id: str) -> _Neighbours:
        record = self._jobs.get(job_id)
        jobs = [job for job in queued(self._jobs.all()) if job.priority == record.priority]
        return _Neighbours(jobs, [job.id for job in jobs].index(job_id))


def _put(number: int, job: JobRecord) -> None:
    job.queue_order = number


def _take(job: JobRecord, body: Requeue) -> None:
    if body.priority is not None:
        job.priority = PRIORITIES[body.priority]
    if "start_after" in body.model_fields_set:
        job.start_after = body.start_after


def _rising(numbers: list[int]) -> list[int]:
    """Return numbers that rise, so that no two jobs share a place; 0 is for interrupted jobs."""
    rising: list[int] = []
    for number in numbers:
        rising.append(max(number, rising[-1] + 1 if rising else 1))
    return rising
