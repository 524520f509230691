"""The engine there: started detached, asked, stopped, by its own command line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tui.errors import TunedeckError
from tui.remote.records import RemoteEngine
from tui.remote.ssh import Ssh, quoted

START_SECONDS, STOP_SECONDS = 60.0, 90.0
_GONE = "The installation on {target} is gone or broken."
_START = """
umask 077
{environment}
cd {home} || exit 1
{python} -m tui engine start --json --idle-exit {idle} || exit 1
echo "token=$(cat {home}/data/engine/token)"
"""


@dataclass(frozen=True, slots=True)
class FarAddress:
    """Where the engine listens there, and what it wants to hear."""

    port: int
    token: str
    pid: int
    version: str


def start_engine(ssh: Ssh, record: RemoteEngine) -> FarAddress:
    """Start the engine there unless it runs, detached from this connection, and return its address.

    Raises:
        SshError: The machine was not reached.
        TunedeckError: It did not start; its own words are in the message.
    """
    printed = ssh.run(
        _START.format(
            environment=_environment(record), home=quoted(record.home), python=quoted(record.program),
            idle=record.idle_exit_seconds,
        ),
        timeout=START_SECONDS,
    )  # fmt: skip
    said, _, token = printed.rpartition("token=")
    status = _json(said, record)
    port = urlsplit(str(status.get("url", ""))).port
    if port is None or not token.strip():
        raise TunedeckError(
            _GONE.format(target=record.target), f"`tunedeck engine remote upgrade {record.name}`"
        )
    return FarAddress(port, token.strip(), int(status.get("pid", 0)), str(status.get("version", "")))


def engine_status(ssh: Ssh, record: RemoteEngine) -> dict[str, Any]:
    """Return what the engine there says of itself; {"running": False} when none runs.

    Raises:
        SshError: The machine was not reached.
        TunedeckError: The installation is broken.
    """
    # Exit code 1 says that none runs, which is an answer.
    printed = _ask(ssh, record, "engine status --json || [ $? -eq 1 ]", START_SECONDS)
    return _json(printed, record)


def stop_engine(ssh: Ssh, record: RemoteEngine) -> bool:
    """Stop the engine there, its running job saved; False when none ran.

    Raises:
        SshError: The machine was not reached.
        TunedeckError: It did not stop in time.
    """
    return bool(_json(_ask(ssh, record, "engine stop --json", STOP_SECONDS), record).get("stopped"))


def run_there(ssh: Ssh, record: RemoteEngine, arguments: list[str], timeout: float) -> str:
    """Run a command of tunedeck there and return what it printed.

    Raises:
        SshError: The machine was not reached.
        TunedeckError: The command failed; its last words are in the message.
    """
    return _ask(ssh, record, " ".join(map(quoted, arguments)), timeout)


def _ask(ssh: Ssh, record: RemoteEngine, words: str, timeout: float) -> str:
    return ssh.run(f"{_environment(record)}\n{quoted(record.program)} -m tui {words}", timeout=timeout)


def _environment(record: RemoteEngine) -> str:
    lines = [f"TUNEDECK_HOME={quoted(record.home)}", "export TUNEDECK_HOME"]
    if not record.fetches:
        lines += ["TUNEDECK_NO_FETCH=1", "export TUNEDECK_NO_FETCH"]
    return "\n".join(lines)


def _json(printed: str, record: RemoteEngine) -> dict[str, Any]:
    try:
        value = json.loads(printed)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise TunedeckError(
            _GONE.format(target=record.target), f"`tunedeck engine remote upgrade {record.name}` mends it."
        )
    return value
