"""Deploying to a machine that is not there, not ours, or not fit: refused in a sentence, nothing changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.remote.sshd import Sshd
from tests.small_disk import small_disk
from tests.support import CliResult, run_cli
from tui.remote.destination import Destination
from tui.remote.records import all_records
from tui.remote.ssh import close_shared


def deploy(sshd: Sshd, *arguments: str, target: str = "far") -> CliResult:
    return run_cli("engine", "deploy", target, "--ssh-config", str(sshd.config), "--yes", *arguments)


@pytest.fixture(autouse=True)
def fresh_connection(sshd: Sshd) -> None:
    """Sign in anew: a shared connection would not notice what a test has changed."""
    close_shared(Destination("far", None, str(sshd.config)))


def refused(result: CliResult, *words: str) -> None:
    assert result.code == 2, result
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr
    assert all_records() == []


def test_a_name_that_no_machine_has(sshd: Sshd) -> None:
    refused(deploy(sshd, target="ada@no-such-machine.invalid"), "no machine called no-such-machine.invalid")


def test_a_machine_whose_ssh_server_does_not_run(sshd: Sshd) -> None:
    refused(
        deploy(sshd, "--ssh-port", "9", target="far"), "connection refused", "Check that the machine is awake"
    )


def test_a_key_that_the_machine_does_not_know(sshd: Sshd) -> None:
    kept = sshd.authorised.read_text()
    sshd.authorised.write_text("")
    try:
        refused(deploy(sshd), "far does not let you in", "ssh-copy-id far")
    finally:
        sshd.authorised.write_text(kept)


def test_the_question_about_the_machines_key_is_left_to_the_person(sshd: Sshd) -> None:
    kept = sshd.known.read_text()
    sshd.known.write_text("")
    try:
        refused(deploy(sshd), "does not know the key of far yet", f"ssh -F {sshd.config} far")
        assert sshd.known.read_text() == ""  # nothing was answered for them
    finally:
        sshd.known.write_text(kept)


def test_a_python_that_is_too_old_and_one_without_pip(sshd: Sshd, tmp_path: Path) -> None:
    old, bare = tmp_path / "old", tmp_path / "bare"
    old.write_text("#!/bin/sh\necho 3.9.18\n")
    bare.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; esac\necho 3.11.4\n')
    for python in (old, bare):
        python.chmod(0o755)
    refused(deploy(sshd, "--python", str(old)), "has no Python 3.11 to 3.14; found: 3.9.18")
    refused(deploy(sshd, "--python", str(bare)), "venv or pip is missing", "python3.11-venv")
    refused(deploy(sshd, "--python", "/no/such/python"), "found: none at all")


def test_a_disk_without_room_is_seen_before_anything_is_copied(sshd: Sshd, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 4 << 20) as disk:
        refused(deploy(sshd, "--dir", str(disk.folder / "engine")), "MB are needed", "--dir")
        assert list(disk.folder.iterdir()) == []


def test_a_folder_that_somebody_else_uses_is_left_alone(sshd: Sshd) -> None:
    folder = sshd.home / "photos"
    folder.mkdir()
    (folder / "cat.jpg").touch()
    refused(deploy(sshd, "--dir", "photos"), "holds something that is not tunedeck's")
    assert [path.name for path in folder.iterdir()] == ["cat.jpg"]


def test_no_ssh_here(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.remote.ssh.shutil.which", lambda name: None)
    refused(deploy(sshd), "no ssh command on this machine")


def test_a_wheelhouse_without_wheels(sshd: Sshd, tmp_path: Path) -> None:
    result = deploy(sshd, "--no-fetch", "--wheelhouse", str(tmp_path))
    refused(result, "holds no wheels", "pip download")


def test_nothing_is_installed_without_a_yes(sshd: Sshd) -> None:
    result = run_cli(
        "engine", "deploy", "far", "--ssh-config", str(sshd.config), "--no-fetch", "--dir", "asked"
    )
    refused(result, "needs a yes", "install about", "GPU:")
    assert not (sshd.home / "asked").exists()
