"""The order of the engine's queue."""

from __future__ import annotations

from typing import Any

import pytest

from tui.engine.server.job_queue import next_job, queued
from tui.engine.server.job_record import JobRecord, record_from_json

NOW = 1_800_000_000.0


def job(name: str, order: int, **changes: Any) -> JobRecord:
    known: dict[str, Any] = {
        "id": name,
        "created_at": 1,
        "order": order,
        "status": "queued",
        "model": "base",
        "base_model": "base",
        "training_file": "file-1",
        "method": "supervised",
        "hyperparameters": {},
        "seed": 1,
        "planned_model": "ft:base",
        "queue_order": order,
    }
    return JobRecord(**(known | changes))


def names(records: list[JobRecord]) -> list[str]:
    return [record.id for record in records]


def test_a_higher_priority_goes_first_and_equals_keep_the_order_they_came_in() -> None:
    records = [job("third", 3), job("first", 1), job("low", 2, priority=-1), job("high", 4, priority=1)]
    assert names(queued(records)) == ["high", "first", "third", "low"]


def test_an_interrupted_job_goes_on_before_all_others() -> None:
    records = [job("high", 1, priority=1), job("interrupted", 2, queue_order=0, priority=-1)]
    assert names(queued(records)) == ["interrupted", "high"]


def test_only_queued_jobs_are_in_the_queue() -> None:
    states = ["running", "paused", "succeeded", "failed", "cancelled", "validating_files"]
    assert queued([job(state, 1, status=state) for state in states]) == []


@pytest.mark.parametrize(("start_after", "expected"), [(NOW + 1, None), (NOW, "job"), (None, "job")])
def test_a_job_for_later_waits_until_its_time(start_after: float | None, expected: str | None) -> None:
    found = next_job([job("job", 1, start_after=start_after)], lambda _: True, NOW)
    assert (found.id if found else None) == expected


def test_a_job_for_later_holds_up_nobody() -> None:
    records = [job("tonight", 1, start_after=NOW + 60, priority=1), job("now", 2)]
    found = next_job(records, lambda _: True, NOW)
    assert found is not None
    assert found.id == "now"


def test_a_full_executor_holds_up_only_those_that_want_it() -> None:
    records = [job("here", 1), job("elsewhere", 2, run_on="ray")]
    found = next_job(records, lambda run_on: run_on == "ray", NOW)
    assert found is not None
    assert found.id == "elsewhere"


def test_the_worker_of_an_older_record_is_found_again() -> None:
    value = job("job", 1).as_json()
    del value["worker"]
    record = record_from_json(value | {"worker_pid": 17, "worker_created": 5.5})
    assert record is not None
    assert record.worker == {"pid": 17, "created": 5.5}
