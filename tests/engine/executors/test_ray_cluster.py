"""A job on a real Ray with two workers, one of which is killed midway; ray_head.py says what it needs."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import BadRequestError, OpenAI

from tests.engine.executors.ray_head import ENVIRONMENT, TOKEN, RayHead
from tests.engine.server.conftest import new_engine, tiny_base_models
from tests.engine.server.harness import BASE_MODEL, EngineProcess, chat_rows
from tests.support import wait_until
from tui.engine.run_folder import metrics_by_step, read_events

__all__ = ["new_engine", "tiny_base_models"]

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        not os.environ.get(ENVIRONMENT),
        reason=f"{ENVIRONMENT} names no environment with ray[default,train], torch, TRL and PEFT",
    ),
]
LONG = 600


@pytest.fixture(scope="module")
def head() -> Iterator[RayHead]:
    running = RayHead(Path(os.environ[ENVIRONMENT]))
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture
def engine(
    head: RayHead,
    new_engine: Callable[..., EngineProcess],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> EngineProcess:
    monkeypatch.setenv("TUNEDECK_RAY_ADDRESS", head.address)
    monkeypatch.setenv("TUNEDECK_RAY_STORAGE", str(tmp_path / "store"))
    monkeypatch.setenv("TUNEDECK_RAY_PYTHON", str(head.python))
    for name, value in head.variables().items():
        monkeypatch.setenv(name, value)
    return new_engine().start()


def launch(client: OpenAI, *, epochs: int, workers: int = 2, **more: Any) -> str:
    file = client.files.create(file=("rows.jsonl", chat_rows(20)), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(
        model=BASE_MODEL,
        training_file=file.id,
        method={
            "type": "supervised",
            "supervised": {"hyperparameters": {"n_epochs": epochs, "batch_size": 4}},
        },
        seed=7,
        extra_body={"run_on": "ray", "trainer": "trl", "num_workers": workers, **more},
    )
    return job.id


def reaches(client: OpenAI, job_id: str, status: str) -> Callable[[], bool]:
    def look() -> bool:
        job = client.fine_tuning.jobs.retrieve(job_id)
        assert job.status != "failed", job.error
        return str(job.status) == status

    return look


def told_steps(folder: Path) -> list[int]:
    return [event["data"]["step"] for event in read_events(folder) if event["type"] == "metrics"]


def test_a_job_survives_the_death_of_a_worker_and_goes_on_from_its_last_state(
    engine: EngineProcess, head: RayHead
) -> None:
    with engine.client() as client:
        job_id = launch(client, epochs=24)
        folder = engine.root / "jobs" / job_id
        wait_until(lambda: len(metrics_by_step(folder)) >= 12, timeout=LONG, what="twelve steps")
        os.kill(head.workers()[-1], signal.SIGKILL)
        wait_until(reaches(client, job_id, "succeeded"), timeout=LONG, what="a tuned model")
        said = [event.message for event in client.fine_tuning.jobs.list_events(job_id, limit=1000).data]
        checkpoints = client.fine_tuning.jobs.checkpoints.list(job_id).data
    assert told_steps(folder) == list(range(1, 121))
    assert "A worker died: Ray started the 2 workers again (retry 1), from the last saved state" in said
    resumed = [text for text in said if text.startswith("Resumed from step")]
    assert len(resumed) == 1
    assert int(resumed[0].split()[3]) >= 5
    assert [one.step_number for one in checkpoints] == [120, 115, 110]
    losses = [value["train_loss"] for _, value in sorted(metrics_by_step(folder).items())]
    assert sum(losses[-5:]) < sum(losses[:5])
    assert (folder / "adapter" / "adapter_model.safetensors").exists()
    assert TOKEN not in "".join(
        path.read_text(errors="replace")
        for path in engine.root.rglob("*")
        if path.suffix in (".txt", ".log", ".json")
    )


def test_a_paused_job_leaves_ray_and_goes_on_under_the_same_run_name(engine: EngineProcess) -> None:
    with engine.client() as client:
        job_id = launch(client, epochs=24)
        folder = engine.root / "jobs" / job_id
        wait_until(lambda: len(metrics_by_step(folder)) >= 6, timeout=LONG, what="six steps")
        client.fine_tuning.jobs.pause(job_id)
        wait_until(lambda: (folder / "done.json").exists(), timeout=LONG, what="a saved job")
        reached = len(metrics_by_step(folder))
        assert reached < 120
        client.fine_tuning.jobs.resume(job_id)
        wait_until(lambda: len(metrics_by_step(folder)) > reached, timeout=LONG, what="a further step")
        client.fine_tuning.jobs.cancel(job_id)
        wait_until(reaches(client, job_id, "cancelled"), timeout=LONG, what="a cancelled job")
    steps = told_steps(folder)
    assert steps == list(range(1, len(steps) + 1))


def test_a_wrong_token_is_told_before_a_job_is_made(
    head: RayHead,
    engine: EngineProcess,
    new_engine: Callable[..., EngineProcess],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine.stop()
    monkeypatch.setenv("RAY_AUTH_TOKEN", "another-token-than-that-of-the-cluster")
    with new_engine().start().client() as client, pytest.raises(BadRequestError, match="it wants a token"):
        launch(client, epochs=1)
