"""A deployed engine through its tunnel: everything may die at any time, and jobs and events go on."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.engine.server.harness import BASE_MODEL, chat_rows
from tests.remote.sshd import Sshd
from tests.support import run_cli, tunedeck_command, wait_until
from tui import paths
from tui.errors import TunedeckError
from tui.providers.protocol import ProviderError
from tui.records.jobs import Job, JobState
from tui.records.requests import JobRequest
from tui.remote import connection, deploy
from tui.remote.connection import connect, disconnect
from tui.remote.records import RemoteEngine, known_record
from tui.remote.states import TunnelState, tunnel_state
from tui.remote.tunnel import close_tunnel, find_tunnel
from tui.services import Services


@pytest.fixture
def services(far: RemoteEngine) -> Iterator[Services]:
    with Services.open() as opened:
        yield opened


def engine_pid(far: RemoteEngine) -> int:
    return int(json.loads(Path(far.home, "data/engine/server.json").read_bytes())["pid"])


def kill_tunnel() -> None:
    tunnel = find_tunnel("far")
    assert tunnel is not None
    os.kill(tunnel.pid, signal.SIGKILL)
    wait_until(lambda: find_tunnel("far") is None, what="a dead tunnel")


def launch(services: Services, tmp_path: Path, epochs: int) -> Job:
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(chat_rows(12))
    provider = services.provider("far")
    uploaded = provider.upload_file(rows)
    job = provider.create_job(
        JobRequest(BASE_MODEL, uploaded.id, hyperparameters={"n_epochs": epochs, "batch_size": 1}, seed=7)
    )
    services.store.save_job(job)
    return job


def steps_kept(services: Services, job: Job) -> list[int]:
    """The steps of the events that are kept here, in their order; a result file would hide a gap in them."""
    events = services.store.events("far", job.id)
    return [int(event.data["step"]) for event in events if event.type == "metrics"]


def test_an_engine_there_answers_as_any_account_and_its_token_is_nowhere_here(
    far: RemoteEngine, services: Services, isolated_home: Path
) -> None:
    assert [model.id for model in services.provider("far").list_models()] == [BASE_MODEL]
    assert tunnel_state("far") == (TunnelState.OPEN, "")
    tunnel = find_tunnel("far")
    assert tunnel is not None
    # The address in the settings is the tunnel's; the key is not in them, nor in any file or command line.
    services.reload_accounts()
    assert services.account("far").base_url == tunnel.url
    token_file = Path(far.home, "data/engine/token")
    assert token_file.stat().st_mode & 0o777 == 0o600
    token = token_file.read_bytes()
    for path in isolated_home.rglob("*"):
        assert not path.is_file() or token not in path.read_bytes(), path
    for process in psutil.process_iter(["cmdline"]):
        assert token.decode() not in " ".join(process.info["cmdline"] or [])


def test_a_job_goes_on_while_nobody_is_connected_and_the_gap_is_filled(
    far: RemoteEngine, services: Services, tmp_path: Path
) -> None:
    job = launch(services, tmp_path, epochs=20)
    wait_until(lambda: services.watcher.poll_once() and steps_kept(services, job), what="a first step")
    kill_tunnel()
    seen = len(steps_kept(services, job))
    # The laptop sleeps: nobody asks until the engine there is done.
    done = Path(far.home, "data/engine/jobs", job.id, "done.json")
    wait_until(done.exists, what="a job that ended without us", timeout=120)

    def ended() -> bool:
        services.watcher.poll_once()
        kept = services.store.job("far", job.id)
        return kept is not None and kept.state is JobState.SUCCEEDED

    wait_until(ended, what="the job's end seen here", timeout=120)
    steps = steps_kept(services, job)
    assert steps == list(range(1, 12 * 20 + 1)), (seen, len(steps))
    assert seen < len(steps)


@pytest.mark.heavy
def test_an_engine_that_was_killed_there_is_started_again_and_its_job_goes_on(
    far: RemoteEngine, services: Services, tmp_path: Path
) -> None:
    job = launch(services, tmp_path, epochs=15)
    wait_until(lambda: services.watcher.poll_once() and steps_kept(services, job), what="a first step")
    killed = engine_pid(far)
    os.kill(killed, signal.SIGKILL)

    def ended() -> bool:
        services.watcher.poll_once()
        kept = services.store.job("far", job.id)
        return kept is not None and kept.state is JobState.SUCCEEDED

    wait_until(ended, what="the job's end", timeout=120)
    assert engine_pid(far) != killed
    assert steps_kept(services, job) == list(range(1, 12 * 15 + 1))


def test_a_port_that_somebody_took_meanwhile_is_left_to_them(far: RemoteEngine, services: Services) -> None:
    first = connect("far")
    close_tunnel("far")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", int(first.url.rpartition(":")[2].partition("/")[0])))
        other.listen()
        second = connect("far")
    assert second.url != first.url
    services.reload_accounts()
    assert services.account("far").base_url == second.url  # the settings follow the port
    close_tunnel("far")
    assert connect("far").url == second.url  # and the port stays while it can


def test_a_tunnel_that_a_person_closed_is_opened_by_nobody_else(
    far: RemoteEngine, services: Services
) -> None:
    connect("far")
    result = run_cli("engine", "remote", "disconnect", "far", "--json")
    assert result.json() == {"account": "far", "tunnel": "closed", "was_open": True}
    assert find_tunnel("far") is None
    account = services.account("far")
    assert not account.ready
    assert "engine remote connect far" in account.state
    services.watcher.poll_once()
    with pytest.raises(TunedeckError, match="is closed"):
        connect("far")
    assert find_tunnel("far") is None
    assert run_cli("engine", "remote", "connect", "far").code == 0
    assert services.account("far").ready


def test_a_machine_that_is_away_is_tried_again_later_and_later(
    far: RemoteEngine, services: Services, sshd: Sshd
) -> None:
    connect("far")
    provider = services.provider("far")
    provider.list_models()
    sshd.stop()
    try:
        kill_tunnel() if find_tunnel("far") else None
        disconnect_shared(far)
        with pytest.raises(ProviderError, match="can't be reached: connection refused") as lost:
            provider.list_models()
        assert lost.value.retryable
        memory = connection._memories["far"]
        waits = []
        for _ in range(3):
            memory.not_before = 0.0
            with pytest.raises(TunedeckError):
                connect("far")
            waits.append(memory.not_before - time.monotonic())
        assert memory.failures == 4
        assert waits == sorted(waits)
        assert waits[-1] > connection.FIRST_WAIT
        assert tunnel_state("far")[0] is TunnelState.WAITING
        assert "can't be reached" in tunnel_state("far")[1]
    finally:
        sshd.start()
    memory.not_before = 0.0
    assert provider.list_models()
    assert memory.failures == 0


def disconnect_shared(far: RemoteEngine) -> None:
    from tui.remote.ssh import close_shared

    close_shared(far.destination)


def test_the_verbs_say_how_it_is_there(far: RemoteEngine) -> None:
    connect("far")
    listed = run_cli("engine", "remote", "--json").json()
    assert [(one["account"], one["tunnel"]) for one in listed] == [("far", "open")]
    status = run_cli("engine", "remote", "status", "far", "--json")
    assert status.code == 0
    assert status.json()["engine"]["pid"] == engine_pid(far)
    assert run_cli("engine", "remote", "run", "far", "--", "engine", "list").stdout.startswith("MODEL")
    stopped = run_cli("engine", "remote", "stop", "far", "--json")
    assert stopped.json() == {"account": "far", "stopped": True, "tunnel": "closed"}
    assert run_cli("engine", "remote", "status", "far").code == 1
    assert run_cli("engine", "remote", "status", "near").code == 2
    assert run_cli("engine", "remote", "connect", "far", "--json").json()["tunnel"] == "open"


def test_removing_deletes_there_what_is_ours_and_here_what_is_known(far: RemoteEngine, sshd: Sshd) -> None:
    connect("far")
    pid = engine_pid(far)
    assert run_cli("engine", "remote", "remove", "far").code == 2  # nobody was asked
    assert Path(far.folder).is_dir()
    assert run_cli("engine", "remote", "remove", "far", "--yes", "--json").json()["removed"]
    assert not Path(far.folder).exists()
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert find_tunnel("far") is None
    assert run_cli("engine", "remote", "list", "--json").json() == []
    assert "far" not in paths.settings_file().read_text()


def test_a_folder_without_our_mark_is_never_deleted(far: RemoteEngine) -> None:
    (Path(far.folder) / ".made-by-tunedeck").unlink()
    with pytest.raises(TunedeckError, match="not marked"):
        deploy.remove("far", keep_there=False, tell=lambda what: None)
    assert Path(far.folder).is_dir()
    assert known_record("far").name == "far"
    deploy.remove("far", keep_there=True, tell=lambda what: None)
    (Path(far.folder) / ".made-by-tunedeck").touch()


@pytest.mark.heavy
def test_connections_of_one_program_wait_for_each_other(far: RemoteEngine) -> None:
    # Two programs ask at once: one opens the tunnel, the other finds it.
    commands = [
        subprocess.Popen(
            tunedeck_command("engine", "remote", "connect", "far", "--json"), stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    answers = [json.loads(command.communicate()[0]) for command in commands]
    assert answers[0] == answers[1]
    disconnect("far")
