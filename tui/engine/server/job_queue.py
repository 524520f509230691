"""Which queued job is next: interrupted ones first, then by priority, then in the order they came."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from tui.engine.server.job_record import JobRecord

PRIORITIES = {"low": -1, "normal": 0, "high": 1}
"""As a job's creation names them."""


def next_job(
    records: Iterable[JobRecord], has_place: Callable[[str], bool], now: float | None = None
) -> JobRecord | None:
    """Return the job to start now, or None.

    Args:
        records: All jobs.
        has_place: Whether the executor of that name takes one more now. A job that waits for its own
            executor holds up nobody who wants another one.
        now: Unix seconds; jobs that are to start later are passed over.
    """
    moment = time.time() if now is None else now
    waiting = (record for record in queued(records) if (record.start_after or 0) <= moment)
    return next((record for record in waiting if has_place(record.run_on)), None)


def queued(records: Iterable[JobRecord]) -> list[JobRecord]:
    """Return the queued jobs in the order in which they would start if all might start now."""
    return sorted((record for record in records if record.status == "queued"), key=_place)


def _place(record: JobRecord) -> tuple[bool, int, int, int]:
    was_interrupted = record.queue_order == 0
    return not was_interrupted, -record.priority, record.queue_order, record.order
