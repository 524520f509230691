"""The engine's queue over HTTP: times, priorities, places, and how many train at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from openai import OpenAI

from tests.engine.server.harness import BASE_MODEL, EngineProcess, chat_rows
from tests.engine.server.test_jobs import FINAL, supervised, upload
from tests.support import wait_until

LATER = int(time.time()) + 86_400


def create(client: OpenAI, training: str, **beyond: Any) -> str:
    job = client.fine_tuning.jobs.create(
        model=BASE_MODEL, training_file=training, method=supervised(n_epochs=1, batch_size=4),
        extra_body=beyond or None,
    )  # fmt: skip
    wait_until(
        lambda: client.fine_tuning.jobs.retrieve(job.id).status != "validating_files", what="the check"
    )
    return job.id


def queue(client: OpenAI) -> list[str]:
    """Return the jobs that wait, in the order in which they would go."""
    jobs = [job.to_dict() for job in client.fine_tuning.jobs.list(limit=100) if job.status == "queued"]
    beyond: dict[str, Any] = {str(job["id"]): job["tunedeck"] for job in jobs}
    return sorted(beyond, key=lambda name: (-beyond[name].get("priority", 0), beyond[name]["queue_order"]))


@pytest.fixture
def waiting(client: OpenAI) -> list[str]:
    training = upload(client, chat_rows(12))
    return [create(client, training, start_after=LATER) for _ in range(3)]


@pytest.fixture(autouse=True)
def empty_queue(client: OpenAI) -> Any:
    yield
    for name in queue(client):
        client.fine_tuning.jobs.cancel(name)


def test_a_job_for_later_waits_until_it_is_told_to_start(
    client: OpenAI, http: httpx2.Client, waiting: list[str]
) -> None:
    first, *others = waiting
    shown = http.get(f"/v1/fine_tuning/jobs/{first}").json()
    assert (shown["status"], shown["tunedeck"]["start_after"]) == ("queued", LATER)
    told = http.post(f"/v1/fine_tuning/jobs/{first}/queue", json={"start_after": None})
    assert told.status_code == 200
    wait_until(lambda: client.fine_tuning.jobs.retrieve(first).status in FINAL, what="the end of the job")
    assert client.fine_tuning.jobs.retrieve(first).status == "succeeded"
    assert queue(client) == others
    refused = http.post(f"/v1/fine_tuning/jobs/{first}/queue", json={"place": "first"})
    assert refused.status_code == 400
    assert "succeeded" in refused.json()["error"]["message"]


def test_jobs_that_wait_are_moved_and_given_priorities(
    client: OpenAI, http: httpx2.Client, waiting: list[str]
) -> None:
    one, two, three = waiting

    def change(name: str, **body: Any) -> list[str]:
        assert http.post(f"/v1/fine_tuning/jobs/{name}/queue", json=body).status_code == 200
        return queue(client)

    assert queue(client) == [one, two, three]
    assert change(three, place="up") == [one, three, two]
    assert change(two, place="first") == [two, one, three]
    assert change(two, place="last") == [one, three, two]
    assert change(two, place="down") == [one, three, two]
    assert change(two, priority="high") == [two, one, three]
    assert change(one, priority="low") == [two, three, one]


@pytest.mark.parametrize(
    "body", [{"priority": "urgent"}, {"place": 3}, {"start_after": -1}, {"start_after": "soon"}, {"other": 1}]
)
def test_a_wrong_change_is_refused_in_a_sentence(
    http: httpx2.Client, waiting: list[str], body: dict[str, Any]
) -> None:
    answer = http.post(f"/v1/fine_tuning/jobs/{waiting[0]}/queue", json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert next(iter(body)) in (error["param"] or error["message"])
    assert http.post("/v1/fine_tuning/jobs/ftjob-none/queue", json={}).status_code == 404


def test_an_unknown_place_to_run_on_is_refused(client: OpenAI, http: httpx2.Client) -> None:
    body = {"model": BASE_MODEL, "training_file": upload(client, chat_rows(4)), "run_on": "the moon"}
    answer = http.post("/v1/fine_tuning/jobs", json=body)
    assert answer.status_code == 400
    assert "'the moon' is none of" in answer.json()["error"]["message"]


def test_as_many_jobs_train_at_once_as_the_engine_allows(new_engine: Callable[..., EngineProcess]) -> None:
    engine = new_engine("--at-once", "2").start()
    with engine.client() as client:
        training = upload(client, chat_rows(200, words=20))
        jobs = [create(client, training) for _ in range(3)]

        def states() -> list[str]:
            return [client.fine_tuning.jobs.retrieve(name).status for name in jobs]

        wait_until(lambda: len(engine.worker_pids()) == 2, what="two workers")
        assert states().count("running") == 2
        assert (engine.root / "workers-here").read_text() == "2"
        wait_until(lambda: all(state in FINAL for state in states()), what="the end of all three")
        assert states() == ["succeeded"] * 3
        assert not (engine.root / "workers-here").exists()
