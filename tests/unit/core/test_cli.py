from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import CliResult, tunedeck_command
from tests.unit.core.conftest import KEY
from tests.unit.core.fake_service import FakeService, answer_with, refuse
from tui import paths
from tui.engine.serving import packed_products

Cli = Callable[..., CliResult]


def test_a_job_is_shown_with_what_its_curves_say(cli: Cli, service: FakeService) -> None:
    service.add_job(id="ftjob-curves", validation_file="file-v")
    for step in range(1, 41):
        loss = 2.0 * 0.95**step if step < 28 else 5.0
        service.add_event("ftjob-curves", step=step, total_steps=40, train_loss=loss)
    shown = cli("jobs", "ftjob-curves", "--account", "openai")
    assert "Diverging since step 25: training loss is 5 at step 40" in shown.stdout
    told = cli("jobs", "ftjob-curves", "--offline", "--json").json()["diagnosis"]
    assert (told["rule"], told["severity"], told["since_step"]) == ("diverging", "bad", 25)


def test_cost_without_a_file_prints_the_stable_shape(cli: Cli) -> None:
    result = cli("cost", "--tokens", "100000", "--model", "gpt-3.5-turbo", "--epochs", "3", "--json")
    assert result.code == 0
    value = result.json()
    assert list(value) == [
        "provider", "model", "method", "tokens_per_epoch", "epochs", "epochs_source", "price_per_million",
        "currency", "total", "price_read_on", "price_source",
    ]  # fmt: skip
    assert value["total"] == 2.4


def test_cost_of_a_file_counts_it_and_shows_the_formula(cli: Cli, dataset: Path) -> None:
    value = cli("cost", str(dataset), "--model", "gpt-4.1-mini", "--json").json()
    assert value["epochs"] == 8
    assert value["total"] == pytest.approx(value["tokens_per_epoch"] * 8 * 5 / 1e6)
    assert "epoch_total" not in value
    open_epochs = cli("cost", str(dataset), "--model", "gpt-oss-120b", "--json").json()
    assert open_epochs["total"] is None
    assert open_epochs["epoch_total"] == pytest.approx(open_epochs["tokens_per_epoch"] * 6 / 1e6)
    plain = cli("cost", str(dataset), "--model", "gpt-4.1-mini")
    assert "× 8 epochs × $5.00 per million" in plain.stdout
    assert "Price read on 2026-09-26" in plain.stdout
    table = cli("cost", str(dataset))
    assert "smollm2-135m-instruct" in table.stdout
    assert "free" in table.stdout


@pytest.mark.parametrize("asked", [("--model", "gpt-4.1-mini"), (), ("--all-models",)])
def test_a_file_of_which_nothing_can_be_counted_is_not_said_to_be_free(
    cli: Cli, tmp_path: Path, asked: tuple[str, ...]
) -> None:
    path = tmp_path / "old-mac.jsonl"
    path.write_bytes(b'{"messages": []}\r' * 12)
    done = cli("cost", str(path), *asked)
    assert (done.code, done.stdout) == (2, "")
    assert "could be counted, so it has no price" in done.stderr


def test_wrong_use_of_cost_is_told(cli: Cli, dataset: Path) -> None:
    assert cli("cost").code == 2
    assert cli("cost", str(dataset), "--tokens", "1").code == 2
    assert cli("cost", "no such file", "--model", "gpt-4.1").code == 2
    unknown = cli("cost", "--tokens", "1", "--model", "gpt-4.1-mimi", "--epochs", "1")
    assert unknown.code == 2
    assert "Did you mean" in unknown.stderr


@pytest.mark.usefixtures("service")
def test_a_launch_without_confirmation_creates_nothing(cli: Cli, dataset: Path, service: FakeService) -> None:
    result = cli("launch", str(dataset), "--model", "gpt-4.1-mini")
    assert result.code == 2
    assert "--yes" in result.stderr
    assert service.jobs == {}


def test_a_launch_that_preflight_stops_creates_nothing(cli: Cli, dataset: Path, service: FakeService) -> None:
    result = cli("launch", str(dataset), "--model", "gpt-4.1-mini", "--suffix", "a:b", "--yes")
    assert result.code == 1
    assert "STOP" in result.stderr
    assert service.jobs == {}


def test_launch_jobs_watch_events_and_cancel_work_together(
    cli: Cli, dataset: Path, service: FakeService
) -> None:
    launched = cli("launch", str(dataset), "--model", "gpt-4.1-mini", "--epochs", "2", "--yes", "--json")
    assert launched.code == 0
    job_id = launched.json()["id"]
    assert job_id in cli("jobs").stdout
    service.add_event(job_id, "Step 1/2: training loss=2.5", step=1, total_steps=2, train_loss=2.5)
    shown = cli("jobs", job_id[:-1]).stdout
    assert "train_loss: 2.5 at step 1" in shown
    assert f"Dataset: {dataset}" in shown
    assert cli("events", job_id, "--json").json()[0]["data"]["train_loss"] == 2.5
    assert "cancelled" in cli("cancel", job_id).stdout
    watched = cli("watch", job_id)
    assert watched.code == 1
    assert "Step 1/2" in watched.stdout
    assert cli("jobs", "--offline", "--active", "--json").json() == []


def test_watching_a_job_that_succeeds_ends_well_with_one_json_object_per_line(
    cli: Cli, service: FakeService
) -> None:
    service.add_job(id="ftjob-x", status="succeeded", fine_tuned_model="ft:x")
    service.add_event("ftjob-x", "odd \x1b[31m words")
    result = cli("watch", "ftjob-x", "--json")
    assert result.code == 0
    first, last = (json.loads(line) for line in result.stdout.splitlines())
    assert first["id"] == "ftevent-0001"
    assert last["fine_tuned_model"] == "ft:x"
    assert "\x1b" not in cli("watch", "ftjob-x").stdout


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a child alone")
def test_ctrl_c_leaves_a_watched_job_running_and_says_so(service: FakeService) -> None:
    service.add_job(id="ftjob-x")
    service.add_event("ftjob-x", "hello")
    process = subprocess.Popen(
        tunedeck_command("watch", "ftjob-x"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert "hello" in process.stdout.readline()
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, words = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "The job goes on." in words
    assert service.jobs["ftjob-x"]["status"] == "running"


def test_an_unknown_job_is_told(cli: Cli) -> None:
    result = cli("watch", "ftjob-none")
    assert result.code == 2
    assert "There is no job" in result.stderr


@pytest.mark.parametrize(
    "verb", [("jobs", "--account", "openai"), ("cancel", "--account", "openai"), ("watch",)]
)
def test_a_job_at_a_service_that_is_down_is_not_called_missing(
    cli: Cli, service: FakeService, verb: tuple[str, ...]
) -> None:
    service.shutdown()
    service.server_close()
    result = cli(*verb, "ftjob-far")
    assert result.code == 2
    assert "There is no job" not in result.stderr
    assert "openai" in result.stderr
    assert "can't be reached" in result.stderr
    assert "Check the network and the base URL." in result.stderr


def test_a_job_that_a_service_refuses_to_show_is_told_with_its_reason(cli: Cli, service: FakeService) -> None:
    service.faults["GET", "/v1/fine_tuning/jobs/ftjob-far"].append(refuse(401, "Wrong key."))
    result = cli("jobs", "ftjob-far", "--account", "openai")
    assert result.code == 2
    assert "Wrong key." in result.stderr
    assert "Check the key" in result.stderr
    assert "There is no job" not in result.stderr


def test_a_job_of_an_account_that_is_not_ready_or_not_there_is_told_so(cli: Cli) -> None:
    not_ready, nobody = cli("jobs", "x", "--account", "openai"), cli("jobs", "x", "--account", "nobody")
    assert (not_ready.code, nobody.code) == (2, 2)
    assert "OPENAI_API_KEY" in not_ready.stderr
    assert "There is no account 'nobody'" in nobody.stderr


def test_models_and_doctor_speak_of_every_account_and_show_no_key(cli: Cli, service: FakeService) -> None:
    service.faults["GET", "/v1/models"].append(refuse(401, f"Incorrect API key provided: {KEY}"))
    first, second, third = cli("models"), cli("models", "--json"), cli("doctor", "--json")
    assert "gpt-4.1-mini-2025-04-14" not in first.stdout
    assert {one["account"] for one in second.json()} == {"local", "openai"}
    levels = {one["name"]: one["level"] for one in third.json()}
    assert levels["account openai, models"] == "ok"
    assert levels["python"] == levels["vocabularies"] == levels["disk"] == levels["chat"] == "ok"
    assert third.code == 0
    for result in (first, second, third):
        assert KEY not in result.stdout + result.stderr


def test_doctor_warns_and_tells_why_when_chat_can_not_use_packed_weights(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_products, "packed_unavailable", lambda: "wasmtime can't be imported")
    chat = next(one for one in cli("doctor", "--json", "--offline").json() if one["name"] == "chat")
    assert chat["level"] == "warn"
    assert "wasmtime can't be imported" in chat["text"]


def test_doctor_fails_when_an_account_fails(cli: Cli, service: FakeService) -> None:
    service.faults["GET", "/v1/models"] = [answer_with(b"<html>a login page</html>")] * 3
    result = cli("doctor")
    assert result.code == 1
    assert "FAIL  account openai" in result.stdout
    assert "base URL" in result.stdout


def test_config_shows_sets_locates_and_checks(cli: Cli) -> None:
    assert cli("config", "set", "ascii", "true").code == 0
    shown = cli("config", "--json").json()
    assert shown["ascii"] == {"value": True, "source": str(paths.settings_file())}
    assert str(paths.store_file()) in cli("config", "path").stdout
    assert cli("config", "path", "--json").json() == {
        "settings": str(paths.settings_file()),
        "catalog": str(paths.config_dir() / "catalog.toml"),
        "store": str(paths.store_file()),
        "engine": str(paths.engine_dir()),
        "models": str(paths.base_models_dir()),
    }
    assert cli("config", "check").code == 0
    wrong = cli("config", "set", "colour", "red")
    assert wrong.code == 2
    assert "Valid keys" in wrong.stderr


def test_a_damaged_settings_file_is_told_by_every_verb_without_a_traceback(cli: Cli) -> None:
    paths.make_private(paths.config_dir())
    paths.settings_file().write_text("theme = [", "utf-8")
    for verb in (["jobs"], ["models"], ["config"], ["doctor"], ["cost", "--tokens", "1", "--epochs", "1"]):
        result = cli(*verb)
        assert result.code in (1, 2)
        assert "not valid TOML" in result.stdout + result.stderr
