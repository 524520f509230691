"""Jobs that are stopped, killed and restarted: none may be lost, and no event may be lost or said twice."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

import openai
import psutil
import pytest
from openai import OpenAI

from tests.engine.server.harness import BASE_MODEL, EngineProcess, chat_rows
from tests.engine.server.test_jobs import finished, messages, supervised, upload
from tests.support import wait_until

NewEngine = Callable[..., EngineProcess]
EPOCHS, ROWS = 6, 50


def long_job(client: OpenAI, *, epochs: int = EPOCHS) -> str:
    training = upload(client, chat_rows(ROWS, words=6))
    return client.fine_tuning.jobs.create(
        model=BASE_MODEL, training_file=training, method=supervised(n_epochs=epochs, batch_size=1), seed=3
    ).id


def steps(client: OpenAI, job_id: str) -> list[int]:
    """Return the steps of all metrics events, oldest first."""
    events = list(client.fine_tuning.jobs.list_events(job_id, limit=1000))[::-1]
    assert len({event.id for event in events}) == len(events)
    found: list[Any] = [event.data for event in events if event.type == "metrics"]
    return [int(data["step"]) for data in found]


def wait_for_step(client: OpenAI, job_id: str, step: int) -> None:
    wait_until(lambda: step in steps(client, job_id)[-200:], what=f"step {step}")


def assert_whole(client: OpenAI, job_id: str, *, epochs: int = EPOCHS) -> None:
    """The job succeeded, every step was told once and in order, every stage once."""
    job = finished(client, job_id)
    assert job.status == "succeeded", job.error
    assert steps(client, job_id) == list(range(1, epochs * ROWS + 1))
    said = Counter(
        message
        for message in _all_messages(client, job_id)
        if not message.startswith(("Step", "Resumed", "The training"))
    )
    assert max(said.values()) == 1, said.most_common(2)
    for stage in ("Fine-tuning job started", "The job has successfully completed"):
        assert said[stage] == 1


def _all_messages(client: OpenAI, job_id: str) -> list[str]:
    return [event.message for event in client.fine_tuning.jobs.list_events(job_id, limit=1000)]


def test_a_killed_engine_takes_its_job_up_again(new_engine: NewEngine) -> None:
    engine = new_engine().start()
    with engine.client() as client:
        job_id = long_job(client)
        wait_for_step(client, job_id, ROWS + 5)
    engine.kill()
    wait_until(lambda: not engine.worker_pids(), what="the worker's end")
    with engine.start().client() as client:
        assert_whole(client, job_id)
        assert any(message.startswith("Resumed from step") for message in _all_messages(client, job_id))


def test_an_engine_restarted_at_once_finds_the_old_worker_or_its_state(new_engine: NewEngine) -> None:
    engine = new_engine().start()
    with engine.client() as client:
        job_id = long_job(client)
        wait_for_step(client, job_id, 10)
    engine.kill()
    with engine.start().client() as client:
        assert_whole(client, job_id)


def test_a_killed_worker_is_started_again(new_engine: NewEngine) -> None:
    engine = new_engine().start()
    with engine.client() as client:
        job_id = long_job(client)
        wait_for_step(client, job_id, ROWS + 5)
        for pid in engine.worker_pids():
            os.kill(pid, signal.SIGKILL)
        assert_whole(client, job_id)
        said = _all_messages(client, job_id)
        assert any("ended by signal SIGKILL" in message for message in said)
        assert any(message.startswith("Resumed from") for message in said)


def test_a_stopped_engine_saves_its_job_and_goes_on(new_engine: NewEngine) -> None:
    engine = new_engine().start()
    with engine.client() as client:
        job_id = long_job(client)
        wait_for_step(client, job_id, 5)
    engine.stop()
    assert not engine.worker_pids()
    assert not (engine.root / "server.json").exists()
    with engine.start().client() as client:
        assert_whole(client, job_id)


def test_a_cancelled_job_ends_within_a_second_or_so(new_engine: NewEngine) -> None:
    engine = new_engine().start()
    with engine.client() as client:
        running, queued = long_job(client, epochs=50), long_job(client)
        wait_for_step(client, running, 3)
        assert client.fine_tuning.jobs.retrieve(queued).status in ("validating_files", "queued")
        assert client.fine_tuning.jobs.cancel(queued).status == "cancelled"
        cancelled = client.fine_tuning.jobs.cancel(running)
        assert cancelled.status == "cancelled"
        assert cancelled.finished_at is not None
        assert cancelled.fine_tuned_model is None
        assert not engine.worker_pids()
        for job_id in (running, queued):
            assert messages(client, job_id)[-1] == "The job has been cancelled"
            with pytest.raises(openai.BadRequestError, match="already completed"):
                client.fine_tuning.jobs.cancel(job_id)


def test_a_paused_job_waits_and_goes_on(new_engine: NewEngine) -> None:
    engine = new_engine().start()
    with engine.client() as client:
        job_id = long_job(client)
        wait_for_step(client, job_id, 5)
        assert str(client.fine_tuning.jobs.pause(job_id).status) == "paused"
        wait_until(lambda: not engine.worker_pids(), what="the worker's end")
        assert str(client.fine_tuning.jobs.retrieve(job_id).status) == "paused"
        other = long_job(client, epochs=1)
        assert finished(client, other).status == "succeeded"
    engine.kill()
    with engine.start().client() as client:
        assert str(client.fine_tuning.jobs.retrieve(job_id).status) == "paused"
        with pytest.raises(openai.BadRequestError, match="only a paused job"):
            client.fine_tuning.jobs.resume(other)
        assert client.fine_tuning.jobs.resume(job_id).status in ("queued", "running")
        assert_whole(client, job_id)


def test_pause_and_resume_in_one_breath_lose_nothing(new_engine: NewEngine) -> None:
    engine = new_engine().start()
    with engine.client() as client:
        job_id = long_job(client)
        wait_for_step(client, job_id, 5)
        client.fine_tuning.jobs.pause(job_id)
        client.fine_tuning.jobs.resume(job_id)
        assert_whole(client, job_id)


def test_jobs_run_one_at_a_time_in_their_order(new_engine: NewEngine) -> None:
    engine = new_engine().start()
    with engine.client() as client:
        made = [long_job(client, epochs=2) for _ in range(3)]
        most = 0
        while any(client.fine_tuning.jobs.retrieve(job_id).finished_at is None for job_id in made):
            most = max(most, len(engine.worker_pids()))
        assert most == 1
        ends = [next(e.created_at for e in client.fine_tuning.jobs.list_events(j, limit=1)) for j in made]
        assert ends == sorted(ends)


def test_an_idle_engine_leaves_and_takes_nothing_along(new_engine: NewEngine) -> None:
    engine = new_engine("--idle-exit", "1").start()
    with engine.client() as client:
        job_id = long_job(client, epochs=2)
    assert engine.process is not None
    pid = engine.process.pid
    assert engine.process.wait(60) == 0
    assert not psutil.pid_exists(pid)
    assert not engine.worker_pids()
    assert not (engine.root / "server.json").exists()
    with new_engine().start().client() as client:
        assert client.fine_tuning.jobs.retrieve(job_id).status == "succeeded"
