"""The whole deployment for real: pip in a fresh environment over a real connection, cut off, gone on with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.engine.server.harness import BASE_MODEL, chat_rows
from tests.remote.sshd import Sshd
from tests.support import run_cli, tunedeck_command, wait_until
from tui.records.requests import JobRequest
from tui.services import Services

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]


def deploy_arguments(sshd: Sshd) -> list[str]:
    return [
        "engine", "deploy", "far", "--ssh-config", str(sshd.config), "--dir", "deployed", "--no-fetch",
        "--yes", "--json",
    ]  # fmt: skip


def test_a_deployment_that_was_cut_off_is_gone_on_with_and_trains(sshd: Sshd, tmp_path: Path) -> None:
    arguments = deploy_arguments(sshd)
    first = subprocess.Popen(
        tunedeck_command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert first.stderr is not None
    assert any("Collecting numpy" in line for line in first.stderr)
    first.kill()
    first.communicate()
    folder = sshd.home / "deployed"
    assert not list(folder.glob("venvs/*/installed"))  # what is half made is not taken for whole

    again = run_cli(*arguments)
    assert again.code == 0, again.stderr
    assert again.json()["account"] == "far"
    assert not again.json()["was_installed"]
    assert len(list(folder.glob("venvs/*"))) == 1
    third = run_cli(*arguments)
    assert third.json()["was_installed"]
    assert "Collecting" not in third.stderr

    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(chat_rows(12))
    with Services.open() as services:
        provider = services.provider("far")
        uploaded = provider.upload_file(rows)
        job = provider.create_job(JobRequest(BASE_MODEL, uploaded.id, hyperparameters={"n_epochs": 2}))
        wait_until(lambda: provider.retrieve_job(job.id).state.is_final, timeout=120, what="the job's end")
        assert provider.retrieve_job(job.id).fine_tuned_model
    assert run_cli("engine", "remote", "upgrade", "far", "--yes", "--json").json()["was_installed"]
    assert run_cli("engine", "remote", "remove", "far", "--yes").code == 0
    assert not folder.exists()
