"""Finds, starts, asks and stops the local engine; the core's only tie to it, over HTTP and one small file."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from tui import paths
from tui.config import load_settings
from tui.errors import TunedeckError

USUAL_PORT = 8917
"""Where an engine listens unless somebody has that port."""
_POLL_SECONDS = 0.05
_START_LOG = "start.txt"
_LOCKED = "Another engine is already running"


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """Where a running engine answers, and what it wants to hear."""

    url: str
    """Base URL for OpenAI clients, ending in /v1."""
    root_url: str
    token: str
    pid: int


@dataclass(frozen=True, slots=True)
class BaseModelStatus:
    """How far the base model is."""

    name: str
    state: str
    """absent, downloading, preparing, ready or failed."""
    done_bytes: int = 0
    total_bytes: int = 0
    folder: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What a running engine says of itself."""

    version: str
    pid: int
    started_at: int
    base_model: BaseModelStatus
    running_jobs: int
    queued_jobs: int
    clients_seen_at: int | None
    memory_bytes: int
    weights: Mapping[str, str]
    """How the weights of each base model in memory are read, in words."""
    raw: Mapping[str, Any]


def find_engine() -> EngineAddress | None:
    """Return the engine that runs on this user's folder, or None when none answers."""
    root = paths.engine_dir()
    try:
        server = json.loads((root / "server.json").read_bytes())
        token = (root / "token").read_text("ascii").strip()
        pid, root_url, created = int(server["pid"]), str(server["url"]), float(server["create_time"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not is_process_alive(pid, created):
        return None
    address = EngineAddress(url=f"{root_url}/v1", root_url=root_url, token=token, pid=pid)
    try:
        answer = _request(address, "GET", "/health", timeout=5)
    except TunedeckError:
        return None
    return address if answer.get("status") == "ok" else None


def ensure_engine(*, idle_exit_seconds: int = 120, timeout: float = 15) -> EngineAddress:
    """Return the running engine, started in the background when there was none.

    Args:
        idle_exit_seconds: How long a started engine waits for the next request once no job is left;
            then it exits by itself. It outlives this process either way.
        timeout: Seconds to wait for its port.

    Raises:
        TunedeckError: It did not start; its own last words are in the message.
    """
    address = find_engine()
    if address is not None:
        return address
    root = paths.make_private(paths.engine_dir())
    child = _start(root, idle_exit_seconds, load_settings().engine_jobs_at_once)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        address = find_engine()
        if address is not None:
            return address
        # Another program may have started one at the same moment; then ours leaves and theirs answers.
        if child.poll() not in (None, 0) and not _last_words(root).startswith(_LOCKED):
            break
        time.sleep(_POLL_SECONDS)
    words = _last_words(root)
    raise TunedeckError(
        f"The local engine did not start{': ' + words if words else '.'}",
        f"Run `tunedeck engine` in a terminal to see why; its log is {root / 'log.txt'}.",
    )


def engine_status(address: EngineAddress) -> EngineStatus:
    """Return what the engine says of itself.

    Raises:
        TunedeckError: It does not answer.
    """
    raw = _request(address, "GET", "/tunedeck/status", timeout=10)
    base, jobs = raw.get("base_model") or {}, raw.get("jobs") or {}
    known = {name: base[name] for name in BaseModelStatus.__dataclass_fields__ if name in base}
    return EngineStatus(
        version=str(raw.get("version", "")),
        pid=int(raw.get("pid", address.pid)),
        started_at=int(raw.get("started_at", 0)),
        base_model=BaseModelStatus(**{"name": "", "state": "absent", **known}),
        running_jobs=int(jobs.get("running", 0)),
        queued_jobs=int(jobs.get("queued", 0)),
        clients_seen_at=raw.get("clients_seen_at"),
        memory_bytes=int(raw.get("memory_bytes", 0)),
        weights={str(name): str(words) for name, words in (raw.get("weights") or {}).items()},
        raw=raw,
    )


def engine_executors(address: EngineAddress, ask: str = "") -> list[dict[str, Any]]:
    """Return the places that the engine can run jobs in, as `tui.engine.executors.state` describes them.

    Args:
        address: A running engine.
        ask: Name of a place to ask itself, or "all"; some seconds for each.

    Raises:
        TunedeckError: It does not answer, or is older than this.
    """
    raw = _request(address, "GET", f"/tunedeck/executors?ask={quote(ask)}", timeout=60)
    found = raw.get("executors")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def fetch_base_model(address: EngineAddress) -> None:
    """Ask the engine to fetch its base model in the background; `engine_status` tells how far it is.

    Raises:
        TunedeckError: It does not answer.
    """
    _request(address, "POST", "/tunedeck/base_model/fetch", timeout=10)


def stop_engine(address: EngineAddress, timeout: float = 10) -> None:
    """Stop the engine; a running job is saved and goes on at the next start.

    Raises:
        TunedeckError: It was still there after `timeout` seconds.
    """
    import psutil  # only a stop needs it here

    try:
        process = psutil.Process(address.pid)
    except psutil.NoSuchProcess:
        return
    try:
        _request(address, "POST", "/tunedeck/shutdown", timeout=timeout)
    except TunedeckError:
        if not process.is_running():
            return
        raise
    try:
        process.wait(timeout)
    except psutil.TimeoutExpired:
        raise TunedeckError(
            f"The engine (process {address.pid}) is still saving its work after {timeout:g} s.",
            "It leaves by itself once that is done.",
        ) from None


def _start(root: Path, idle_exit_seconds: int, at_once: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tui.engine", "--idle-exit", str(idle_exit_seconds)]
    command += ["--prefer-port", str(_last_port(root)), "--at-once", str(at_once)]
    if load_settings().engine_prefers_llamacpp:
        command.append("--prefer-llamacpp")
    descriptor = os.open(root / _START_LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=descriptor, stderr=descriptor, creationflags=flags
            )
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)


def _last_port(root: Path) -> int:
    """Return the port of the last engine here, so that clients set up by hand find the next one again."""
    try:
        return urlsplit(str(json.loads((root / "server.json").read_bytes())["url"])).port or USUAL_PORT
    except (OSError, ValueError, KeyError, TypeError):
        return USUAL_PORT


def _last_words(root: Path) -> str:
    try:
        text = (root / _START_LOG).read_text("utf-8", "replace").strip()
    except OSError:
        return ""
    lines = text.splitlines() or [""]
    # A traceback says what happened in its last line, an error of ours in its first.
    return lines[-1 if text.startswith("Traceback") else 0][:300]


def is_process_alive(pid: int, created: float) -> bool:
    """Say whether the process that had this number at `created` (Unix seconds) still runs."""
    import psutil  # 10 ms that a program without an engine need not pay

    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - created) < 0.01
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _request(address: EngineAddress, method: str, path: str, *, timeout: float) -> dict[str, Any]:
    """Make one small request; never through a proxy, which would carry the token off this machine."""
    parts = urlsplit(address.root_url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=timeout)
    try:
        connection.request(method, path, headers={"Authorization": f"Bearer {address.token}"})
        answer = connection.getresponse()
        body = answer.read()
        value = json.loads(body)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise TunedeckError(
            f"The local engine at {address.root_url} does not answer: {error}.",
            "It is started again when it is needed next; `tunedeck engine status` shows how it is.",
        ) from error
    finally:
        connection.close()
    if answer.status >= 400 or not isinstance(value, dict):
        message = (value.get("error") or {}).get("message") if isinstance(value, dict) else None
        raise TunedeckError(f"The local engine refused {path}: {message or answer.status}.")
    return value
