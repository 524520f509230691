"""The tunnel: one ssh process in the background that carries a loopback port of here to the engine there.

It belongs to no program: whoever needs it finds it by its number and start time, as with the local engine, so
that the app, a verb and a script share it. ssh itself notices within 45 s that the other side is gone.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from tui import atomic, paths
from tui.errors import TunedeckError
from tui.local_engine import is_process_alive
from tui.remote.records import RemoteEngine
from tui.remote.ssh import Ssh, ssh_environment
from tui.remote.ssh_failures import explain

OPEN_SECONDS = 30.0
_HEALTH_SECONDS = 10.0
_POLL_SECONDS = 0.05
_TRIES = 3
"""Free ports that are tried: one may be taken between being found and being used."""

_children: dict[int, subprocess.Popen[bytes]] = {}
"""ssh processes that this program started: a dead one must be collected by it."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """An open tunnel."""

    pid: int
    created: float
    local_port: int
    far_port: int
    opened_at: float
    """Unix seconds."""

    @property
    def root_url(self) -> str:
        """Where the engine answers on this machine."""
        return f"http://127.0.0.1:{self.local_port}"

    @property
    def url(self) -> str:
        """Base URL for OpenAI clients."""
        return f"{self.root_url}/v1"


def find_tunnel(name: str) -> Tunnel | None:
    """Return the tunnel of an engine when its process lives; whether it carries is another question."""
    try:
        tunnel = Tunnel(**json.loads(_file(name).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    child = _children.get(tunnel.pid)
    if child is not None and child.poll() is not None:
        _children.pop(tunnel.pid, None)
    return tunnel if is_process_alive(tunnel.pid, tunnel.created) else None


def carries(tunnel: Tunnel, timeout: float = _HEALTH_SECONDS) -> bool:
    """Say whether an engine answers at the other end."""
    connection = http.client.HTTPConnection("127.0.0.1", tunnel.local_port, timeout=timeout)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        return answer.status == 200 and json.loads(answer.read()).get("status") == "ok"
    except (OSError, ValueError, AttributeError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def open_tunnel(record: RemoteEngine, far_port: int, *, timeout: float = OPEN_SECONDS) -> Tunnel:
    """Open the tunnel to an engine that listens on `far_port` of its machine, in place of an older one.

    The port that was used last is taken again when it is free, so that clients set up by hand find it.

    Raises:
        SshError: The machine was not reached.
        TunedeckError: No port could be had, or nothing answers at the other end.
    """
    close_tunnel(record.name)
    wanted = [record.local_port] if record.local_port and _is_free(record.local_port) else []
    for port in [*wanted, *(0 for _ in range(_TRIES))]:
        chosen = port or _free_port()
        tunnel = _start(record, chosen, far_port)
        if _wait(record, tunnel, time.monotonic() + timeout):
            return tunnel
    raise TunedeckError(
        "No port of this machine could be had for the tunnel.", "Close programs that listen, and try again."
    )


def close_tunnel(name: str) -> bool:
    """End the tunnel of an engine; False when there was none."""
    tunnel = find_tunnel(name)
    _file(name).unlink(missing_ok=True)
    if tunnel is None:
        return False
    with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
        os.kill(tunnel.pid, signal.SIGTERM)
        child = _children.pop(tunnel.pid, None)
        if child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(5)
        else:
            with contextlib.suppress(psutil.TimeoutExpired):
                psutil.Process(tunnel.pid).wait(5)
    return True


def _start(record: RemoteEngine, local_port: int, far_port: int) -> Tunnel:
    ssh = Ssh(record.destination)
    command = ssh.command(
        "-N", "-o", "ControlMaster=no", "-o", "ControlPath=none", "-o", "ExitOnForwardFailure=yes",
        "-L", f"127.0.0.1:{local_port}:127.0.0.1:{far_port}",
    )  # fmt: skip
    descriptor = os.open(_log(record.name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=descriptor, stderr=descriptor,
            start_new_session=True, env=ssh_environment(),
        )  # fmt: skip
    finally:
        os.close(descriptor)
    _children[child.pid] = child
    try:
        created = psutil.Process(child.pid).create_time()
    except psutil.Error:
        created = 0.0  # it ended at once; `_wait` says why
    tunnel = Tunnel(child.pid, created, local_port, far_port, time.time())
    atomic.write_bytes(_file(record.name), json.dumps(asdict(tunnel)).encode())
    return tunnel


def _wait(record: RemoteEngine, tunnel: Tunnel, deadline: float) -> bool:
    """Wait until the tunnel carries; False when its port was taken by somebody else.

    Raises:
        SshError: ssh ended.
        TunedeckError: Nothing answered in time.
    """
    child = _children[tunnel.pid]
    while time.monotonic() < deadline:
        if child.poll() is not None:
            _children.pop(tunnel.pid, None)
            _file(record.name).unlink(missing_ok=True)
            words = _last_words(record.name)
            if "Address already in use" in words or "cannot listen to port" in words:
                return False
            raise explain(words, record.destination)
        # A port that answers already may be another program's: only one that ssh holds counts.
        if carries(tunnel, timeout=2) and child.poll() is None:
            return True
        time.sleep(_POLL_SECONDS)
    close_tunnel(record.name)
    raise TunedeckError(
        f"The tunnel to {record.target} is open, but no engine answers at its other end.",
        f"`tunedeck engine remote status {record.name}` says how it is there.",
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if os.name == "posix":
            # As ssh does: connections that have just ended keep a port busy for nobody but who asks without.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tunnels_folder() -> Path:
    """Return the folder of the tunnels' process numbers and locks, readable by its owner alone."""
    paths.make_private(paths.runtime_dir())
    return paths.make_private(paths.runtime_dir() / "tunnels")


def _file(name: str) -> Path:
    return tunnels_folder() / f"{name}.json"


def _log(name: str) -> Path:
    return tunnels_folder() / f"{name}.log"


def _last_words(name: str) -> str:
    try:
        return _log(name).read_text("utf-8", "replace")
    except OSError:
        return ""
