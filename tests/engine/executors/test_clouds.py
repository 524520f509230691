"""SkyPilot and Hugging Face Jobs as executors, against stand-ins of their commands that run the job."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.executors.conftest import StandIn
from tests.engine.server.harness import chat_rows
from tests.engine.tiny_model import make_tiny_base_model
from tests.support import wait_until
from tui.engine.executors import carried, hf_jobs, sky
from tui.engine.executors.hf_jobs import HfJobs, HfJobsExecutor
from tui.engine.executors.protocol import Executor
from tui.engine.executors.sky import Sky, SkyExecutor
from tui.engine.executors.watched import Place, WatchedWorker
from tui.engine.run_folder import DONE, metrics_by_step, read_events

QUICK = 0.05


@pytest.fixture
def cloud(stand_in: StandIn, no_settings: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = stand_in(Path(__file__).with_name("cloud_stand_in.py"), "CLOUD_STAND_IN", "hf", "sky", "aws")
    (root / "bucket").mkdir()
    monkeypatch.setenv("CLOUD_PYTHON", sys.executable)
    monkeypatch.setenv("TUNEDECK_HF_BUCKET", "me/jobs")
    monkeypatch.setenv("TUNEDECK_SKY_BUCKET", "s3://jobs")
    for module in (carried, sky, hf_jobs):  # where it is "mounted" on this one machine
        monkeypatch.setattr(module, "MOUNT", str(root / "bucket"))
    return root


@pytest.fixture(params=["hf-jobs", "sky"])
def place(request: pytest.FixtureRequest, cloud: Path) -> Place:
    if request.param == "sky":
        return Sky("s3://jobs", poll_seconds=QUICK)
    return HfJobs("hf://buckets/me/jobs", poll_seconds=QUICK)


@pytest.fixture
def job(run_folder: Path, tmp_path: Path) -> Path:
    make_tiny_base_model(tmp_path / "tiny", name="tiny")
    (run_folder / "training.jsonl").write_bytes(chat_rows(8))
    write_spec(run_folder, tmp_path / "tiny")
    return run_folder


def write_spec(folder: Path, base: Path, **changes: Any) -> None:
    spec = {
        "job_id": folder.name,
        "method": "supervised",
        "trainer": "embedded",
        "base_model_folder": str(base),
        "hyperparameters": {"n_epochs": 1, "batch_size": 4, "learning_rate_multiplier": 1.0},
        "seed": 3,
        "fine_tuned_model": "ft:tiny",
        "training_file": "training.jsonl",
    }
    (folder / "spec.json").write_text(json.dumps(spec | changes))


@pytest.fixture
def start(job: Path, place: Place) -> Iterator[Callable[[], WatchedWorker]]:
    started: list[WatchedWorker] = []

    def begin() -> WatchedWorker:
        started.append(WatchedWorker.start(place, job, ()))
        return started[-1]

    yield begin
    for worker in started:
        worker.kill()
        ended(worker)
        worker.join(30)


def ended(worker: WatchedWorker) -> WatchedWorker:
    wait_until(lambda: not worker.alive(), what="an ended worker")
    return worker


def messages(folder: Path) -> list[str]:
    return [str(event["message"]) for event in read_events(folder)]


def has_event(folder: Path, words: str) -> Callable[[], bool]:
    return lambda: any(words in text for text in messages(folder))


def launched(cloud: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(cloud.glob("job-*.json"))]


def verdict(folder: Path) -> dict[str, Any]:
    value = json.loads((folder / DONE).read_text())
    assert isinstance(value, dict)
    return value


def test_a_job_is_carried_there_trained_and_brought_back(
    cloud: Path, job: Path, start: Callable[[], WatchedWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    worker = ended(start())
    assert verdict(job)["status"] == "succeeded", (cloud / "job-1.log").read_text()
    assert sorted(metrics_by_step(job)) == [1, 2]
    assert (job / "adapter" / "adapter_model.safetensors").exists()
    assert "python -m pip install --quiet" in launched(cloud)[0]["run"]
    worker.join(30)
    assert "sk-secret" not in "".join(path.read_text(errors="replace") for path in cloud.glob("job-*"))


@pytest.mark.parametrize("place", ["sky"], indirect=True)
def test_a_lost_answer_of_a_paid_start_starts_nothing_twice(
    cloud: Path, job: Path, start: Callable[[], WatchedWorker]
) -> None:
    (cloud / "trouble").write_text("lost")
    ended(start())
    assert len(launched(cloud)) == 1
    assert verdict(job)["status"] == "succeeded"
    assert "is not known yet" in messages(job)[0]


@pytest.mark.parametrize("place", ["hf-jobs"], indirect=True)
def test_a_bucket_that_takes_nothing_starts_nothing(
    cloud: Path, job: Path, start: Callable[[], WatchedWorker]
) -> None:
    (cloud / "trouble").write_text("no-copy")
    ended(start())
    assert launched(cloud) == []
    assert "the files did not reach the bucket, and nothing was started" in verdict(job)["error"]["message"]


@pytest.mark.parametrize("place", ["sky"], indirect=True)
def test_a_death_that_costs_money_is_not_followed_by_another_start(
    cloud: Path, job: Path, start: Callable[[], WatchedWorker], tmp_path: Path
) -> None:
    write_spec(job, tmp_path / "tiny", trainer="no such trainer")
    worker = ended(start())
    assert verdict(job)["error"]["code"] == "worker_died"
    assert "not started again by itself" in verdict(job)["error"]["message"]
    assert len(launched(cloud)) == 1
    assert worker.how_it_ended().startswith(("as ERROR", "as FAILED (exit code 1)"))


@pytest.mark.parametrize(
    ("place", "trouble"), [("hf-jobs", "garbage"), ("sky", "unknown")], indirect=["place"]
)
def test_a_silent_service_is_no_dead_job_and_a_cancel_reaches_it_later(
    cloud: Path, job: Path, start: Callable[[], WatchedWorker], tmp_path: Path, trouble: str
) -> None:
    epochs = {"n_epochs": 50, "batch_size": 1, "learning_rate_multiplier": 1.0}
    write_spec(job, tmp_path / "tiny", hyperparameters=epochs)
    worker = start()
    wait_until(has_event(job, "Handed to"), what="a start")
    (cloud / "trouble").write_text(trouble)
    wait_until(has_event(job, "No connection to"), what="a lost connection")
    assert worker.alive()
    worker.kill()
    (cloud / "trouble").unlink()
    ended(worker)
    assert launched(cloud)[0]["state"] == "CANCELLED"
    assert not worker.is_to_blame()
    assert sum("No connection to" in text for text in messages(job)) == 1


def test_commands_and_settings_that_are_missing_are_named(
    no_settings: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert str(SkyExecutor().why_not()).startswith("sky is not installed")
    assert str(HfJobsExecutor().why_not()).startswith("hf is not installed")


@pytest.mark.parametrize(
    ("executor", "name", "value", "words"),
    [
        (SkyExecutor(), "SKY_BUCKET", "", "No bucket is set for SkyPilot."),
        (SkyExecutor(), "SKY_BUCKET", "somewhere", "'somewhere' is no bucket."),
        (SkyExecutor(), "SKY_BUCKET", "gs://jobs", "gcloud is not installed"),
        (HfJobsExecutor(), "HF_BUCKET", "", "No bucket is set for Hugging Face Jobs."),
        (HfJobsExecutor(), "HF_BUCKET", "--token/x", "is no bucket."),
        (HfJobsExecutor(), "HF_FLAVOR", "--token", "hf_flavor '--token' can't be used."),
        (HfJobsExecutor(), "HF_TIMEOUT", "8 h", "hf_timeout '8 h' can't be used."),
    ],
)
def test_settings_that_can_not_be_used_are_named(
    cloud: Path, monkeypatch: pytest.MonkeyPatch, executor: Executor, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(f"TUNEDECK_{name}", value)
    monkeypatch.setenv("PATH", str(cloud.parent / "programs"))
    assert words in str(executor.why_not())


def test_the_price_of_the_day_is_told_where_the_command_tells_it(
    cloud: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert HfJobsExecutor().does_not_answer() is None
    assert HfJobsExecutor().what_it_costs().endswith("t4-small costs $0.40 an hour, for at most 8h.")
    monkeypatch.setenv("TUNEDECK_HF_FLAVOR", "h200")
    assert "could not be found out" in HfJobsExecutor().what_it_costs()
    monkeypatch.setenv("TUNEDECK_SKY_ACCELERATORS", "A100:8")
    assert "A100:8" in SkyExecutor().what_it_costs()
    assert "price is not known here" in SkyExecutor().what_it_costs()
