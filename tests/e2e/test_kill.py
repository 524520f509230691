"""kill -9 of each process in the middle of training: the job still ends well, with every event there once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.engine.tiny_model import make_tiny_base_model
from tests.support import wait_until
from tui import local_engine
from tui.data.examples import SENTIMENT
from tui.jobs.fetch import fetch_job
from tui.jobs.launch import launch
from tui.jobs.plan import LaunchPlan
from tui.jobs.preflight import estimate_plan
from tui.providers.protocol import ProviderError
from tui.records.jobs import Job, JobState
from tui.services import Services

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL"),
]

MODEL = "smollm2-135m-instruct"
EPOCHS = 50
ACCOUNT = "local"


@pytest.fixture
def services(isolated_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """The core with an engine whose base model is a tiny random one: real processes, short steps."""
    make_tiny_base_model(tmp_path / MODEL, name=MODEL)
    monkeypatch.setenv("TUNEDECK_BASE_MODELS", str(tmp_path))
    monkeypatch.setenv("TUNEDECK_NO_FETCH", "1")
    with Services.open() as opened:
        yield opened


def launch_long_job(services: Services) -> Job:
    plan = LaunchPlan(
        account=ACCOUNT,
        model=MODEL,
        training=SENTIMENT.training,
        validation=SENTIMENT.held_out,
        hyperparameters={"n_epochs": EPOCHS, "batch_size": 4},
        seed=3,
    )
    return launch(plan, services, confirmed_price=estimate_plan(plan, services))


def look(services: Services, job: Job) -> Job:
    """Fetch what is new into the store; an engine that is just gone is asked again by the next look."""
    try:
        return fetch_job(services.store, services.provider(ACCOUNT), job).job
    except ProviderError:
        return job


def train_until_step(services: Services, job: Job, step: int) -> None:
    def reached() -> bool:
        look(services, job)
        return max(services.store.metrics(ACCOUNT, job.id), default=0) >= step

    wait_until(reached, timeout=90, what=f"step {step}")


def wait_for_end(services: Services, job: Job) -> Job:
    def ended() -> Job | None:
        now = look(services, job)
        return now if now.state.is_final else None

    return wait_until(ended, timeout=150, interval=0.2, what="the end of the job")


def engine_process() -> psutil.Process:
    address = local_engine.find_engine()
    assert address is not None
    return psutil.Process(address.pid)


def worker_process() -> psutil.Process:
    workers = [
        child
        for child in engine_process().children(recursive=True)
        if "tui.engine.worker" in " ".join(child.cmdline())
    ]
    assert len(workers) == 1, workers
    return workers[0]


def kill(process: psutil.Process) -> None:
    os.kill(process.pid, signal.SIGKILL)
    wait_until(
        lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE,
        what=f"the end of {process}",
    )


def assert_whole(services: Services, job: Job) -> None:
    """The job succeeded, and the engine and the store hold every step's event exactly once, in order."""
    assert job.state is JobState.SUCCEEDED, job.error
    served = services.provider(ACCOUNT).list_events(job.id)
    kept = services.store.events(ACCOUNT, job.id)
    assert [event.id for event in kept] == [event.id for event in served]
    assert len({event.id for event in served}) == len(served)
    steps = [event.data["step"] for event in served if event.type == "metrics"]
    total = served_total(job, services)
    assert steps == list(range(1, total + 1))
    assert job.fine_tuned_model


def served_total(job: Job, services: Services) -> int:
    totals = {
        event.data["total_steps"]
        for event in services.store.events(ACCOUNT, job.id)
        if event.type == "metrics"
    }
    assert len(totals) == 1
    return int(totals.pop())


def messages(services: Services, job: Job) -> str:
    return "\n".join(event.message for event in services.store.events(ACCOUNT, job.id))


def test_a_killed_worker_is_started_again_and_goes_on_where_it_was(services: Services) -> None:
    job = launch_long_job(services)
    train_until_step(services, job, 60)

    kill(worker_process())

    ended = wait_for_end(services, job)
    assert_whole(services, ended)
    assert "Resumed from step" in messages(services, ended)


def test_a_killed_engine_takes_its_worker_along_and_the_next_one_goes_on(services: Services) -> None:
    job = launch_long_job(services)
    train_until_step(services, job, 60)
    worker = worker_process()

    kill(engine_process())

    wait_until(
        lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE,
        what="the end of the worker",
    )
    ended = wait_for_end(services, job)
    assert_whole(services, ended)
    assert "Resumed from step" in messages(services, ended)


def test_engine_and_worker_killed_at_once_as_by_a_power_cut(services: Services) -> None:
    job = launch_long_job(services)
    train_until_step(services, job, 60)
    engine, worker = engine_process(), worker_process()
    os.kill(engine.pid, signal.SIGSTOP)  # so that it can't notice first

    kill(worker)
    kill(engine)

    ended = wait_for_end(services, job)
    assert_whole(services, ended)


def test_a_killed_app_finds_the_same_job_with_no_gap_when_it_is_opened_again(services: Services) -> None:
    from tests.e2e.terminal import TerminalApp

    job = launch_long_job(services)
    train_until_step(services, job, 10)
    before = len(services.store.events(ACCOUNT, job.id))
    with TerminalApp() as app:
        app.start()
        app.wait_for("5 Jobs")
        app.press("5")
        wait_until(
            lambda: app.read() and len(services.store.events(ACCOUNT, job.id)) > before + 5,
            timeout=60,
            what="events stored by the app",
        )
        os.kill(app.pid, signal.SIGKILL)
    with TerminalApp() as app:
        app.start()
        app.wait_for("5 Jobs")
        app.press("5")
        wait_until(
            lambda: (
                app.read()
                and (known := services.store.job(ACCOUNT, job.id)) is not None
                and known.state.is_final
            ),
            timeout=150,
            what="the end of the job as the app sees it",
        )
        app.wait_for("re:(?i)succeeded")
        app.press("ctrl+q")
        assert app.wait_for_exit() == 0
    ended = services.store.job(ACCOUNT, job.id)
    assert ended is not None
    assert_whole(services, ended)
