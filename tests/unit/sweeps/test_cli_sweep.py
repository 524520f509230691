from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import CliResult
from tests.unit.sweeps.service import TrainingService
from tui.services import Services
from tui.sweeps.promote import WINNER_TAG

Cli = Callable[..., CliResult]
SweepFile = Callable[..., Path]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.sweeps.runner._ROUND_SECONDS", 0.0)
    monkeypatch.setattr("tui.sweeps.following.Follower._wait", lambda self, trial, job: None)


def test_the_price_comes_first_and_nobody_is_asked_without_a_terminal(
    cli: Cli, service: TrainingService, sweep_file: SweepFile
) -> None:
    path = str(sweep_file())
    dry = cli("sweep", "run", path, "--dry-run", "--json")
    assert dry.code == 0
    plan = dry.json()
    assert (plan["trials"], plan["jobs"], plan["may_begin"]) == (3, 3, True)
    assert plan["price"]["high"] > 0
    refused = cli("sweep", "run", path)
    assert (refused.code, "no terminal to ask on" in refused.stderr) == (2, True)
    bad = cli("sweep", "run", str(sweep_file(space="learning_rate_multiplier = [1e9]")), "--yes")
    assert (bad.code, "STOP" in bad.stderr) == (1, True)
    assert not service.created()
    assert cli("sweep", "list").stdout.startswith("No sweep yet")


def test_a_sweep_is_run_shown_promoted_exported_and_forgotten(
    cli: Cli, service: TrainingService, sweep_file: SweepFile, tmp_path: Path
) -> None:
    done = cli("sweep", "run", str(sweep_file()), "--yes", "--json")
    assert done.code == 0, done.stderr
    board = done.json()
    assert (board["state"], board["best"], board["planned"]) == ("done", 2, 3)
    sweep_id = board["id"]
    shown = cli("sweep", "show", sweep_id[:6], "--log")
    assert shown.stdout.splitlines()[0] == f"Sweep: rates ({sweep_id})"
    assert "job ftjob-1 on openai" in shown.stdout
    assert cli("sweep", "list", "--json").json()[0]["id"] == sweep_id

    file = tmp_path / "winner.toml"
    promoted = cli("sweep", "promote", "rates", "-o", str(file), "--json").json()
    assert (promoted["trial"], promoted["settings"]) == (2, {"learning_rate_multiplier": 2.0})
    with Services.open() as services:
        assert WINNER_TAG in services.store.model_tags()["openai", promoted["model"]]
    launch = cli("launch", "--from", str(file), "--dry-run", "--json")
    assert (launch.code, launch.json()["may_launch"]) == (0, True)
    further = tmp_path / "further.toml"
    assert cli("sweep", "promote", sweep_id, "-o", str(further), "--epochs", "3").code == 0
    assert promoted["model"] in further.read_text()
    assert cli("sweep", "promote", sweep_id, "-o", str(file)).code == 2
    assert cli("sweep", "promote", sweep_id, "--default-model").code == 0
    with Services.open() as services:
        assert services.settings.default_model == promoted["model"]

    exported = tmp_path / "again.toml"
    assert cli("sweep", "export", sweep_id, "-o", str(exported)).code == 0
    assert cli("sweep", "run", str(exported), "--dry-run").code == 0
    assert cli("sweep", "stop", sweep_id).code == 0
    assert cli("sweep", "delete", sweep_id).code == 0
    assert cli("sweep", "show", sweep_id).code == 2
    assert len(service.jobs) == 3


def test_other_caps_are_agreed_to_anew_when_it_is_resumed(
    cli: Cli, service: TrainingService, sweep_file: SweepFile
) -> None:
    capped = cli("sweep", "run", str(sweep_file()), "--yes", "--max-cost", "0.004", "--json")
    assert (capped.code, len(service.jobs)) == (1, 1)
    sweep_id = capped.json()["id"]
    assert cli("sweep", "resume", sweep_id, "--max-cost", "1").code == 2  # nobody to ask
    done = cli("sweep", "resume", sweep_id, "--max-cost", "1", "--yes", "--json")
    assert (done.code, len(service.jobs), done.json()["state"]) == (0, 3, "done")


def test_a_file_to_begin_with_is_one_that_runs(
    cli: Cli, service: TrainingService, sweep_file: SweepFile, tmp_path: Path
) -> None:
    training = sweep_file().with_name("train.jsonl")
    path = tmp_path / "new.toml"
    arguments = ("--account", "openai", "--model", "gpt-4.1-mini", "-o", str(path))
    assert cli("sweep", "new", str(training.with_name("none.jsonl")), *arguments).code == 2
    assert cli("sweep", "new", str(training), *arguments).code == 0
    plan = cli("sweep", "run", str(path), "--dry-run", "--json").json()
    assert plan["trials"] == 8
    assert [line["text"] for line in plan["lines"] if line["level"] == "stop"] == []
