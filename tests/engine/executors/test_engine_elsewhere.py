"""An engine whose jobs run at other places, through its API."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from openai import BadRequestError, OpenAI

from tests.engine.executors.conftest import StandIn
from tests.engine.server.conftest import new_engine, tiny_base_models
from tests.engine.server.harness import BASE_MODEL, EngineProcess, chat_rows
from tests.support import wait_until
from tui.engine.run_folder import metrics_by_step

__all__ = ["new_engine", "tiny_base_models"]

COMMANDS = ("sbatch", "squeue", "sacct", "scancel")


@pytest.fixture
def slurm(stand_in: StandIn, no_settings: None) -> Path:
    return stand_in(Path(__file__).with_name("slurm_stand_in.py"), "SLURM_STAND_IN", *COMMANDS)


def upload(client: OpenAI) -> str:
    return client.files.create(file=("rows.jsonl", chat_rows(10)), purpose="fine-tune").id


def test_a_job_on_slurm_is_paused_outlives_its_engine_goes_on_and_succeeds(
    slurm: Path, new_engine: Callable[..., EngineProcess]
) -> None:
    engine = new_engine().start()
    client = engine.client()
    job = client.fine_tuning.jobs.create(
        model=BASE_MODEL,
        training_file=upload(client),
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 30, "batch_size": 1}}},
        extra_body={"run_on": "slurm"},
    )
    folder = engine.root / "jobs" / job.id
    wait_until(lambda: metrics_by_step(folder), what="a first step")
    client.fine_tuning.jobs.pause(job.id)
    wait_until(lambda: str(client.fine_tuning.jobs.retrieve(job.id).status) == "paused", what="a paused job")
    wait_until(lambda: (folder / "done.json").exists(), what="a saved worker")
    reached = max(metrics_by_step(folder))
    client.fine_tuning.jobs.resume(job.id)
    wait_until(lambda: max(metrics_by_step(folder)) > reached, what="a resumed job")
    engine.kill()
    second = new_engine().start()
    with second.client() as client:
        wait_until(lambda: client.fine_tuning.jobs.retrieve(job.id).status == "succeeded", what="the end")
    assert sorted(metrics_by_step(folder)) == list(range(1, 301))
    assert len(list(slurm.glob("*.json"))) == 2


def test_what_a_place_can_not_do_is_refused_with_its_reason(
    slurm: Path, new_engine: Callable[..., EngineProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEDECK_RAY_ADDRESS", "http://127.0.0.1:9")
    monkeypatch.setenv("TUNEDECK_RAY_STORAGE", str(slurm))
    engine = new_engine().start()
    with engine.client() as client, engine.http() as http:
        file = upload(client)
        for body, words in (
            ({"run_on": "the moon"}, "'the moon' is none of hf-jobs, local, ray, sky, slurm"),
            ({"run_on": "ray"}, "can't be used: "),
            ({"run_on": "sky"}, "sky is not installed"),
            ({"run_on": "slurm", "num_workers": 2}, "slurm runs one worker for a job"),
            ({"num_workers": 65}, "num_workers"),
        ):
            with pytest.raises(BadRequestError) as refused:
                client.fine_tuning.jobs.create(model=BASE_MODEL, training_file=file, extra_body=body)
            assert words in str(refused.value)
        states = {one["name"]: one for one in http.get("/tunedeck/executors?ask=ray").json()["executors"]}
    assert states["slurm"]["usable"]
    assert not states["slurm"]["asked"]
    assert "can't be used" in states["ray"]["why_not"]
    assert "token" not in str(states).lower()
