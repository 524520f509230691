from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.server.harness import BASE_MODEL
from tests.support import CliResult, wait_until
from tui import local_engine, paths

Cli = Callable[..., CliResult]


@pytest.fixture(autouse=True)
def home(isolated_home: Path, tiny_base_models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TUNEDECK_BASE_MODELS", str(tiny_base_models))
    monkeypatch.setenv("TUNEDECK_NO_FETCH", "1")
    yield
    address = local_engine.find_engine()
    if address is not None:
        local_engine.stop_engine(address, timeout=30)


def test_an_engine_is_started_shown_and_stopped(cli: Cli) -> None:
    assert cli("engine", "status").code == 1
    assert json.loads(cli("engine", "status", "--json").stdout) == {"running": False}
    started = json.loads(cli("engine", "start", "--json").stdout)
    assert started["running"]
    assert started["url"].endswith("/v1")
    shown = cli("engine", "status")
    assert shown.code == 0
    assert f"Base model {BASE_MODEL}: ready" in shown.stdout
    assert "Jobs: 0 running, 0 queued." in shown.stdout
    assert json.loads(cli("engine", "stop", "--json").stdout) == {"stopped": True}
    assert cli("engine", "stop").stdout.strip() == "No engine was running."


def test_the_token_is_printed_alone(cli: Cli) -> None:
    printed = cli("engine", "token").stdout
    assert printed.strip() == (paths.engine_dir() / "token").read_text()
    assert printed.count("\n") == 1


def test_the_token_is_printed_for_programs(cli: Cli) -> None:
    assert cli("engine", "token", "--json").json() == {"token": (paths.engine_dir() / "token").read_text()}


def test_a_removed_base_model_is_told_for_programs(
    cli: Cli, tiny_base_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = tmp_path / "shelf"
    shutil.copytree(tiny_base_models, shelf)
    monkeypatch.setenv("TUNEDECK_BASE_MODELS", str(shelf))
    removed = cli("engine", "remove", BASE_MODEL, "--yes", "--json")
    assert removed.json() == {"name": BASE_MODEL, "removed": True}
    assert not (shelf / BASE_MODEL).exists()


def test_the_help_says_what_listening_elsewhere_means(cli: Cli) -> None:
    words = " ".join(cli("engine", "run", "--help").stdout.split())
    of_host = words[words.index("--host") : words.index("--port")]
    assert "--allow-remote" in of_host
    assert "not encrypted" in of_host


def test_base_models_are_listed_with_where_they_are(cli: Cli, tiny_base_models: Path) -> None:
    assert [model["name"] for model in json.loads(cli("engine", "list", "--json").stdout)] == [BASE_MODEL]
    assert str(tiny_base_models / BASE_MODEL) in cli("engine", "list").stdout


def test_a_model_that_is_there_is_not_fetched_again(cli: Cli, tiny_base_models: Path) -> None:
    result = cli("engine", "fetch", "--json")
    assert json.loads(result.stdout)["folder"] == str(tiny_base_models / BASE_MODEL)


def test_an_empty_shelf_says_what_to_do(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEDECK_BASE_MODELS", str(tmp_path / "none"))
    assert "tunedeck engine fetch" in cli("engine", "list").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "/no/such/model"),
        ("remove", "nothing", "--yes"),
        ("remove", BASE_MODEL),
        ("run", "--port", "99999"),
    ],
    ids=["add", "remove unknown", "remove unasked", "port"],
)
def test_wrong_use_is_exit_code_2(cli_process: Cli, arguments: tuple[str, ...]) -> None:
    result = cli_process("engine", *arguments)
    assert result.code == 2
    assert "Traceback" not in result.stderr


def test_the_bare_command_runs_until_it_is_interrupted() -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "tui", "engine"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    address = wait_until(local_engine.find_engine, what="an engine")
    assert address.pid == running.pid
    running.send_signal(2)
    stdout, stderr = running.communicate(timeout=20)
    assert running.returncode == 0
    assert stdout == ""
    assert f"listens on {address.url}" in stderr


def test_a_running_engine_tells_programs_where_it_is_in_one_line() -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "tui", "engine", "run", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        told = json.loads(running.stdout.readline())  # before it ends: a program waits for this line
        address = wait_until(local_engine.find_engine, what="an engine")
        assert told == {"url": address.url, "pid": running.pid,
                        "folder": str(paths.engine_dir())}  # fmt: skip
    finally:
        running.send_signal(2)
        rest, _ = running.communicate(timeout=20)
    assert rest == ""
    assert running.returncode == 0
