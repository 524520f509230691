from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.tiny_model import make_tiny_base_model
from tests.support import CliResult
from tui import paths
from tui.engine.llama.row_layout import load_row_layout
from tui.engine.trainers.training_data import Reading, read_supervised
from tui.jobs.calibration import calibration_for, observations
from tui.jobs.reports import report_for
from tui.money.calibration import Calibration, Observation, calibrate
from tui.records.jobs import Job, JobState
from tui.records.requests import RemoteFile
from tui.services import Services
from tui.store.launch_rows import LaunchRecord, LaunchState

LOCAL_MODEL = "smollm2-135m-instruct"
MODEL = "gpt-4.1-mini-2025-04-14"
Cli = Callable[..., CliResult]


def job(**changes: object) -> Job:
    known = Job(
        "openai", "ftjob-1", JobState.SUCCEEDED, "succeeded", MODEL,
        created_at=1, training_file="file-1", trained_tokens=3_030, hyperparameters={"n_epochs": 3},
    )  # fmt: skip
    return replace(known, **changes)  # type: ignore[arg-type]


def seen(ratio: float, **changes: str) -> Observation:
    known = Observation("openai", MODEL, "chat", "ftjob-1", 1_000 * ratio, 1_000)
    return replace(known, **changes)  # type: ignore[arg-type]


def launched(path: Path, **changes: object) -> LaunchRecord:
    known = LaunchRecord(
        "run-1", "openai", LaunchState.CREATED, {"split_share": None}, "f", path, "sha-of-it",
        {"tokens_per_epoch": 1_000}, "ftjob-1", None, int(time.time()),
    )  # fmt: skip
    return replace(known, **changes)  # type: ignore[arg-type]


def test_the_middle_of_the_jobs_is_suggested_with_their_number_and_range() -> None:
    found = calibrate([seen(1.004), seen(1.002), seen(1.010)], "openai", f"ft:{MODEL}:o::x", "chat")
    assert found is not None
    assert found.factor == pytest.approx(1.004)
    assert found.jobs == 3
    assert found.sentence(12_345) == (
        "counted 12,345; 3 finished jobs suggest +0.4 % (+0.2 % to +1.0 %): 12,394"
    )
    assert found.as_json(12_345)["suggested"] == 12_394
    assert found.as_json(12_345)["applied"] is False


def test_one_job_that_agrees_is_said_to_agree() -> None:
    found = Calibration("openai", MODEL, "chat", 1.0, 1.0, 1.0, 1)
    assert found.sentence(7) == "counted 7; 1 finished job suggests the same"


@pytest.mark.parametrize("other", [{"provider": "azure"}, {"model": "gpt-4o"}, {"format": "preference"}])
def test_other_providers_models_and_formats_are_not_mixed_in(other: dict[str, str]) -> None:
    assert calibrate([seen(1.5, **other)], "openai", MODEL, "chat") is None


def test_jobs_that_say_nothing_are_left_out(services: Services) -> None:
    services.store.claim_launch(launched(Path("f")))
    silent = [
        job(id="a", state=JobState.CANCELLED, raw_status="cancelled"),
        job(id="b", trained_tokens=None),
        job(id="c", hyperparameters={"n_epochs": "auto"}),
        job(id="d", training_file="file-elsewhere"),
    ]
    for one in silent:
        services.store.save_job(one)
    assert list(observations(services)) == []


def test_a_job_is_compared_with_what_was_counted_at_its_launch(services: Services) -> None:
    services.store.claim_launch(launched(Path("f")))
    services.store.save_job(job())
    found = calibration_for(services, "openai", MODEL, "chat")
    assert found is not None
    assert found.factor == pytest.approx(1.01)
    assert found.jobs == 1
    assert calibration_for(services, "openai", MODEL, "preference") is None


def test_a_split_is_not_compared_with_the_whole_file(services: Services) -> None:
    services.store.claim_launch(launched(Path("f"), request={"split_share": 0.2}))
    services.store.save_job(job())
    assert list(observations(services)) == []


def test_a_file_that_went_up_here_is_found_by_its_content(services: Services, dataset: Path) -> None:
    report = report_for(services, dataset, services.catalog.model(MODEL))
    services.store.remember_file(
        "openai", report.sha256, RemoteFile("file-1", "train.jsonl", 1, "fine-tune", 1, "processed")
    )
    services.store.save_job(job(trained_tokens=report.tokens.per_epoch * 3))
    (found,) = observations(services)
    assert (found.ratio, found.counted, found.format) == (1.0, report.tokens.per_epoch, "chat")


def local_job(services: Services, sha256: str, trained_tokens: int) -> None:
    services.store.remember_file(
        "local", sha256, RemoteFile("file-1", "train.jsonl", 1, "fine-tune", 1, "processed")
    )
    services.store.save_job(job(account="local", model=LOCAL_MODEL, trained_tokens=trained_tokens))


def test_a_local_job_agrees_exactly_once_its_model_is_there(services: Services, dataset: Path) -> None:
    stand_in = report_for(services, dataset, services.catalog.model(LOCAL_MODEL))
    assert stand_in.tokens.encoding == "o200k_base"
    folder = make_tiny_base_model(paths.base_models_dir() / LOCAL_MODEL, name=LOCAL_MODEL)
    learned = read_supervised(dataset, load_row_layout(folder).tokenizer, 2_048, Reading())
    local_job(services, stand_in.sha256, 3 * sum(example.token_count for example in learned))
    assert list(observations(services)) == []  # what another vocabulary counted says nothing
    own = report_for(services, dataset, services.catalog.model(LOCAL_MODEL))
    assert own.tokens.encoding == LOCAL_MODEL
    found = calibration_for(services, "local", LOCAL_MODEL, "chat")
    assert found is not None
    assert (found.factor, found.least, found.most) == (1.0, 1.0, 1.0)


def test_count_shows_what_finished_jobs_suggest_and_applies_nothing(
    cli: Cli, services: Services, dataset: Path
) -> None:
    before = cli("count", str(dataset), "--json").json()
    assert cli("count", str(dataset), "--json", "--details").json()["calibration"] is None
    services.store.claim_launch(launched(dataset))
    services.store.save_job(job())
    after = cli("count", str(dataset), "--json", "--details").json()
    assert after["total_tokens"] == before["total_tokens"]
    assert after["calibration"]["jobs"] == 1
    assert after["calibration"]["factor"] == pytest.approx(1.01)
    assert "1 finished job suggests +1.0 %" in cli("count", str(dataset)).stdout
    assert cli("count", str(dataset), "--json").json() == before
