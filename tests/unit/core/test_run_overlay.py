from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support import CliResult
from tests.unit.core.fake_service import FakeService
from tui.errors import TunedeckError
from tui.jobs.metrics import MetricSeries
from tui.jobs.run_overlay import Overlay, Run, Setting, overlay_runs
from tui.records.jobs import Job, JobEvent, JobState
from tui.records.requests import RemoteFile
from tui.services import Services
from tui.store.launch_rows import LaunchRecord, LaunchState

Cli = Callable[..., CliResult]
BASE = "gpt-4.1-mini-2025-04-14"
FIRST = Job(
    "openai", "j1", JobState.SUCCEEDED, "succeeded", BASE, training_file="file-1", seed=7, created_at=100,
    hyperparameters={"n_epochs": 3, "learning_rate_multiplier": 2.0}, trained_tokens=1000,
    fine_tuned_model=f"ft:{BASE}:me:tone:abc",
)  # fmt: skip
SECOND = replace(
    FIRST, id="j2", trained_tokens=2000, fine_tuned_model=f"ft:{BASE}:me:tone:xyz",
    hyperparameters={"n_epochs": 6, "batch_size": 4, "learning_rate_multiplier": 2},
)  # fmt: skip


def keep(services: Services, job: Job, losses: dict[int, float], **more: dict[int, float]) -> None:
    services.store.save_job(job)
    curves = {"train_loss": losses, **more}
    numbers = [
        {"step": step, "total_steps": 50, **{name: at[step] for name, at in curves.items() if step in at}}
        for step in sorted({step for curve in curves.values() for step in curve})
    ]
    services.store.add_events(
        job.account, job.id,
        [JobEvent(f"e{one['step']}", job.id, 100, "info", "", "metrics", one) for one in numbers],
    )  # fmt: skip


@pytest.fixture
def overlay(services: Services) -> Overlay:
    services.store.remember_file(
        "openai", "ab" * 32, RemoteFile("file-1", "tone.jsonl", 9, "fine-tune", 1, "ok")
    )
    keep(services, FIRST, {1: 2.0, 10: 1.0, 11: 9.5, 12: 0.9})
    keep(services, SECOND, {5: 1.5, 20: 0.5}, valid_loss={10: 0.7, 20: 0.8})
    return overlay_runs(services, [("openai", "j1"), ("openai", "j2")])


def values(overlay: Overlay) -> dict[str, tuple[Any, ...]]:
    return {one.name: one.values for one in overlay.settings}


def test_what_differs_is_told_settings_before_results(overlay: Overlay) -> None:
    assert [(one.name, one.words) for one in overlay.differing] == [
        ("Batch size", ("–", "4")),
        ("Epochs", ("3", "6")),
        ("Steps", ("12", "20")),
        ("Trained tokens", ("1,000", "2,000")),
        ("Cost", ("under $0.01", "$0.01")),
        ("Last train_loss", ("0.9", "0.5")),
        ("Last valid_loss", ("–", "0.8")),
        ("Best valid_loss", ("–", "0.7")),
    ]


def test_what_is_the_same_is_known_too_and_a_number_in_two_ways_is_one(overlay: Overlay) -> None:
    same = values(overlay)
    assert same["Rate multiplier"] == (2.0, 2)
    assert same["Dataset SHA-256"] == ("ab" * 6, "ab" * 6)
    assert (same["Base"], same["Seed"], same["Service"]) == ((BASE, BASE), (7, 7), ("OpenAI", "OpenAI"))


def test_a_seed_is_told_as_it_is_typed() -> None:
    assert Setting("Seed", (311_874_909, None)).words == ("311874909", "–")


def test_the_launch_names_the_dataset_where_it_went_up_from_here(services: Services) -> None:
    for job, name in ((FIRST, "one.jsonl"), (SECOND, "two.jsonl")):
        services.store.save_job(job)
        services.store.claim_launch(
            LaunchRecord(name, "openai", LaunchState.CREATED, {}, name, Path("/data") / name, name[:3] * 20,
                         {}, job.id, None, 1)
        )  # fmt: skip
    found = values(overlay_runs(services, [("openai", "j1"), ("openai", "j2")]))
    assert found["Dataset"] == ("one.jsonl", "two.jsonl")
    assert found["Dataset SHA-256"] == ("oneoneoneone", "twotwotwotwo")


def test_each_run_is_read_at_a_step_by_its_newest_value_until_then(overlay: Overlay) -> None:
    first, second = overlay.runs
    assert (first.letter, second.letter, first.title) == ("A", "B", "tone:abc")
    assert first.value_at("train_loss", 11) == (11, 9.5)
    assert second.value_at("train_loss", 11) == (5, 1.5)
    assert second.value_at("train_loss", 4) is None
    assert overlay.metrics == ["train_loss", "valid_loss"]


def test_jobs_of_two_services_are_told_apart_even_without_their_account(services: Services) -> None:
    keep(services, FIRST, {1: 1.0})
    local = replace(
        FIRST,
        account="local",
        model="smollm2-135m-instruct",
        trained_tokens=None,
        hyperparameters={"beta": 0.1},
    )
    keep(services, local, {1: 1.0})
    keep(services, replace(FIRST, account="gone"), {1: 1.0})
    found = values(overlay_runs(services, [("openai", "j1"), ("local", "j1"), ("gone", "j1")]))
    assert found["Account"] == ("openai", "local", "gone")
    assert found["Service"][0] == "OpenAI"
    assert found["Service"][2] is None
    assert found["Beta"] == (None, 0.1, None)
    assert found["Cost"][1] == "free"


@pytest.mark.parametrize("jobs", [[], ["j1"], ["j1", "j1"], ["j1", "j2", "j3", "j4", "j5"]])
def test_an_overlay_takes_two_to_four_different_jobs(services: Services, jobs: list[str]) -> None:
    with pytest.raises(TunedeckError, match="two to four"):
        overlay_runs(services, [("openai", job) for job in jobs])


def test_a_job_that_is_not_kept_is_told(services: Services) -> None:
    with pytest.raises(TunedeckError, match="'j9' of openai is not kept here"):
        overlay_runs(services, [("openai", "j9"), ("openai", "j8")])


def test_jobs_diff_prints_what_differs_and_the_values_at_a_step(cli: Cli, service: FakeService) -> None:
    for number, epochs in ((1, 3), (2, 4)):
        service.add_job(
            id=f"ftjob-{number}", hyperparameters={"n_epochs": epochs}, suffix=f"\x1b[31mr{number}"
        )
        service.add_event(f"ftjob-{number}", step=5, total_steps=9, train_loss=1.0 / number)
    found = cli("jobs", "diff", "ftjob-1", "ftjob-2", "--account", "openai", "--at", "7")
    assert found.code == 0
    assert "\x1b" not in found.stdout
    lines = [line.split() for line in found.stdout.splitlines()]
    assert ["Epochs", "3", "4"] in lines
    assert ["AT", "STEP", "7", "A", "B"] in lines
    assert lines[-1] == ["train_loss", "1", "0.5"]
    assert not any(line[:1] == ["Base"] for line in lines)
    assert "Same in all: Base, Method" in found.stdout
    assert "Base " in cli("jobs", "diff", "ftjob-1", "ftjob-2", "--all", "--offline").stdout


def test_jobs_diff_as_json_has_settings_and_curves_in_the_order_of_the_jobs(
    cli: Cli, service: FakeService
) -> None:
    for number in (1, 2):
        service.add_job(id=f"ftjob-{number}", hyperparameters={"n_epochs": number})
        service.add_event(f"ftjob-{number}", step=5, total_steps=9, train_loss=1.0 / number)
    found = cli("jobs", "diff", "ftjob-2", "ftjob-1", "--account", "openai", "--json", "--at", "4").json()
    assert [job["id"] for job in found["jobs"]] == ["ftjob-2", "ftjob-1"]
    assert found["settings"]["Epochs"] == [2, 1]
    assert "Epochs" in found["differ"]
    assert found["curves"] == {"train_loss": [[[5, 0.5]], [[5, 1.0]]]}
    assert found["at"] == {"step": 4, "values": {"train_loss": [None, None]}}


def test_jobs_diff_of_one_job_or_an_unknown_one_is_wrong_use(cli: Cli, service: FakeService) -> None:
    service.add_job(id="ftjob-1")
    assert cli("jobs", "diff", "ftjob-1").code == 2
    assert cli("jobs", "diff", "ftjob-1", "ftjob-none").code == 2
    assert cli("jobs", "diff").code == 2


def test_a_job_that_broke_off_says_how_many_of_its_steps_it_did(services: Services) -> None:
    run = Run("A", Job("openai", "j", JobState.CANCELLED, "cancelled", BASE), {}, 50)
    series = {"train_loss": MetricSeries("train_loss", ((1, 2.0), (10, 1.0)))}
    assert replace(run, series=series).steps_words == "10 of 50 steps"
    assert replace(run, series=series, total_steps=10).steps_words == "10 steps"
    assert replace(run, series=series, total_steps=None).steps_words == ""
    done = replace(run.job, state=JobState.SUCCEEDED)
    assert replace(run, job=done, series=series).steps_words == "50 steps"  # not each step has numbers
