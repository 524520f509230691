from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator

import click
import pytest

from tests.support import CliResult
from tests.unit.core.fake_service import FakeService, refuse
from tui.cli.main import VERBS

Cli = Callable[..., CliResult]

TWINS = (
    "launch", "jobs", "watch", "events", "checkpoints", "cancel", "pause", "resume", "models", "catalog",
    "doctor", "archive",
)  # fmt: skip
"""What can be done to jobs and models without the app."""


def checkpoint(number: int, job_id: str = "ftjob-x", **metrics: float) -> dict[str, object]:
    return {
        "id": f"ftckpt-{number}", "object": "fine_tuning.job.checkpoint", "created_at": 3000 + number,
        "fine_tuned_model_checkpoint": f"ft:gpt-4.1-mini:me::x:ckpt-step-{number}",
        "fine_tuning_job_id": job_id, "metrics": {"step": number, **metrics}, "step_number": number,
    }  # fmt: skip


def test_checkpoints_are_listed_newest_first_while_the_job_still_runs(cli: Cli, service: FakeService) -> None:
    service.add_job(id="ftjob-x")
    service.checkpoints["ftjob-x"] = [
        checkpoint(20, train_loss=0.5), checkpoint(10, train_loss=1.25, full_valid_loss=1.5)
    ]  # fmt: skip
    listed = cli("checkpoints", "ftjob-x")
    assert listed.code == 0
    heading, newest, oldest = listed.stdout.splitlines()
    assert heading.split() == ["STEP", "TRAIN", "VALID", "FULL", "MADE", "MODEL"]
    assert newest.split()[:4] == ["20", "0.5", "-", "-"]
    assert oldest.split()[:4] == ["10", "1.25", "-", "1.5"]
    assert newest.endswith("ft:gpt-4.1-mini:me::x:ckpt-step-20")


def test_checkpoints_as_json_have_one_shape(cli: Cli, service: FakeService) -> None:
    service.add_job(id="ftjob-x")
    service.checkpoints["ftjob-x"] = [checkpoint(10, train_loss=1.25)]
    assert cli("checkpoints", "ftjob-x", "--json").json() == [
        {
            "account": "openai", "job_id": "ftjob-x", "id": "ftckpt-10",
            "model": "ft:gpt-4.1-mini:me::x:ckpt-step-10", "step": 10,
            "metrics": {"train_loss": 1.25}, "created_at": 3010, "listed": True,
            "reasons_against": {
                "chat": None,
                "compare": "There is no final model yet; beside its base it can be talked to already.",
                "train": None,
            },
        }
    ]  # fmt: skip


def test_checkpoints_that_a_service_dropped_or_can_not_list_now_stay_listed(
    cli: Cli, service: FakeService
) -> None:
    service.add_job(id="ftjob-x")
    service.checkpoints["ftjob-x"] = [checkpoint(10)]
    assert len(cli("checkpoints", "ftjob-x", "--json").json()) == 1
    service.checkpoints["ftjob-x"] = []
    dropped = cli("checkpoints", "ftjob-x", "--json").json()
    assert [one["listed"] for one in dropped] == [False]
    assert "does not list this checkpoint any more" in dropped[0]["reasons_against"]["train"]
    assert "not listed any more" in cli("checkpoints", "ftjob-x").stdout
    asked = service.count("GET", "/v1/fine_tuning/jobs/ftjob-x/checkpoints")
    assert len(cli("checkpoints", "ftjob-x", "--offline", "--json").json()) == 1
    assert service.count("GET", "/v1/fine_tuning/jobs/ftjob-x/checkpoints") == asked
    service.faults["GET", "/v1/fine_tuning/jobs/ftjob-x/checkpoints"].append(refuse(401, "Wrong key."))
    refused = cli("checkpoints", "ftjob-x", "--json")
    assert (refused.code, len(refused.json())) == (0, 1)
    assert "As last seen, because: " in refused.stderr


def test_a_job_without_checkpoints_says_so_and_an_unknown_one_is_told(cli: Cli, service: FakeService) -> None:
    service.add_job(id="ftjob-x")
    empty = cli("checkpoints", "ftjob-x")
    assert (empty.code, empty.stdout) == (
        0, "Job ftjob-x (running) has made no checkpoint yet, or its service lists none.\n",
    )  # fmt: skip
    assert cli("checkpoints", "ftjob-x", "--json").json() == []
    assert cli("checkpoints", "ftjob-none").code == 2


def commands_of(verb: str) -> Iterator[tuple[str, click.Command]]:
    command = importlib.import_module(VERBS[verb][0]).command
    yield verb, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield f"{verb} {name}", below


@pytest.mark.parametrize("verb", TWINS)
def test_every_headless_twin_can_speak_json(verb: str) -> None:
    silent = [
        name
        for name, command in commands_of(verb)
        if not any("--json" in parameter.opts for parameter in command.params)
    ]
    assert silent == []
