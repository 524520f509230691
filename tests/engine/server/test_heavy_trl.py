"""The engine with the real TRL worker: `pytest -m heavy`; TUNEDECK_TEST_GPU_ENV names its environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.engine.server.harness import BASE_MODEL, EngineProcess, chat_rows
from tests.engine.trl.runs import gpu_python
from tests.support import wait_until
from tui.engine.environments.install import adopt_environment
from tui.engine.environments.recipes import RECIPES

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1500)]


def workers(root: Path) -> list[psutil.Process]:
    """The processes that train with a bundle for the engine at `root`."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if any(".bundles" in part for part in command) and any(str(root) in part for part in command):
            found.append(process)
    return found


def test_a_job_survives_a_killed_worker_and_a_pause_and_its_adapter_answers_inside(
    new_engine: Callable[..., EngineProcess],
) -> None:
    python = gpu_python()
    engine = new_engine()
    adopt_environment(RECIPES["gpu"], python, engine.home / "data" / "environments")
    engine.start()
    with engine.client() as client:
        data = client.files.create(file=("t.jsonl", chat_rows(40)), purpose="fine-tune")
        job = client.fine_tuning.jobs.create(
            model=BASE_MODEL,
            training_file=data.id,
            seed=3,
            method={
                "type": "supervised",
                "supervised": {"hyperparameters": {"n_epochs": 50, "batch_size": 4}},
            },
            extra_body={"trainer": "trl"},
        )
        assert (job.model_extra or {})["tunedeck"] == {"trainer": "trl"}

        def events() -> list[Any]:
            return list(client.fine_tuning.jobs.list_events(job.id, limit=100))

        def steps() -> list[int]:
            return sorted(event.data["step"] for event in events() if event.type == "metrics")

        def status() -> str:
            return client.fine_tuning.jobs.retrieve(job.id).status

        wait_until(lambda: len(steps()) > 20, what="twenty steps", timeout=400, interval=0.5)
        (worker,) = workers(engine.root)
        worker.kill()
        wait_until(
            lambda: any("starting it again" in event.message for event in events()),
            what="a restart", timeout=60, interval=0.3,
        )  # fmt: skip
        done = len(steps())
        wait_until(lambda: len(steps()) > done + 5, what="more steps", timeout=400, interval=0.3)
        client.fine_tuning.jobs.pause(job.id)
        wait_until(lambda: not workers(engine.root), what="a worker that has left", timeout=120)
        assert status() == "paused"
        client.fine_tuning.jobs.resume(job.id)
        wait_until(lambda: status() in ("succeeded", "failed"), what="the end", timeout=600, interval=1)
        ended = client.fine_tuning.jobs.retrieve(job.id)
        assert ended.status == "succeeded", ended.error
        assert steps() == list(range(1, 501))
        assert ended.trained_tokens is not None
        assert ended.trained_tokens > 0
        answer = client.chat.completions.create(
            model=str(ended.fine_tuned_model),
            messages=[{"role": "user", "content": "say 1"}],
            max_tokens=5,
        )
        assert answer.choices[0].message.content is not None
