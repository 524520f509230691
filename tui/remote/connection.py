"""From an account's name to an engine that answers: the tunnel found or opened, the engine there started.

Whoever asks first does the work; the others wait for it. After a failure the next attempts wait, longer each
time, so that a machine that is away costs a poller nothing.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace

from tui.errors import TunedeckError
from tui.file_lock import FileLock
from tui.remote.far_engine import FarAddress, start_engine
from tui.remote.records import RemoteEngine, keep_record, known_record
from tui.remote.ssh import Ssh
from tui.remote.ssh_failures import SshError
from tui.remote.tunnel import Tunnel, carries, close_tunnel, find_tunnel, open_tunnel, tunnels_folder

FIRST_WAIT, LONGEST_WAIT = 2.0, 120.0
NEEDS_A_PERSON_WAIT = 600.0
"""Seconds after a refusal that only a person can mend, such as an unknown key."""
_LOCK_SECONDS = 90.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class RemoteAddress:
    """Where the engine answers on this machine, and what it wants to hear."""

    url: str
    token: str
    pid: int
    """Of the ssh process."""


@dataclass(slots=True)
class _Memory:
    """What this program remembers of one engine."""

    lock: threading.Lock
    token: str | None = None
    token_of: tuple[int, float] | None = None
    """The tunnel that the token came with."""
    failures: int = 0
    not_before: float = 0.0
    problem: TunedeckError | None = None


_memories: dict[str, _Memory] = {}
_memories_lock = threading.Lock()


def connect(name: str, *, by_hand: bool = False) -> RemoteAddress:
    """Return where an engine answers, the tunnel opened and the engine started if need be.

    Args:
        name: Its account.
        by_hand: A person asks: a closed tunnel is opened, and no failure before makes it wait.

    Raises:
        SshError: The machine was not reached.
        TunedeckError: There is no such engine, its tunnel was closed by a person, or it does not start.
    """
    memory = _memory(name)
    with memory.lock:
        record = known_record(name)
        if not record.is_wanted and not by_hand:
            raise TunedeckError(
                f"The tunnel of {name} is closed.", f"`tunedeck engine remote connect {name}` opens it."
            )
        if not by_hand and memory.problem is not None and time.monotonic() < memory.not_before:
            raise memory.problem
        try:
            address = _reach(record, memory)
        except TunedeckError as error:
            _note_failure(memory, error)
            raise
        memory.failures, memory.problem = 0, None
        return address


def disconnect(name: str) -> bool:
    """Close a tunnel until a person opens it again; jobs there go on. False when none was open.

    Raises:
        TunedeckError: There is no such engine.
    """
    record = known_record(name)
    if record.is_wanted:
        keep_record(replace(record, is_wanted=False))
    _memory(name).token = None
    return close_tunnel(name)


def last_problem(name: str) -> TunedeckError | None:
    """Return why this program could not reach an engine when it last tried, if so."""
    return _memory(name).problem


def forget(name: str) -> None:
    """Drop what this program remembers of an engine: token and failures."""
    with _memories_lock:
        _memories.pop(name, None)


def _reach(record: RemoteEngine, memory: _Memory) -> RemoteAddress:
    found = _usable(record, memory)
    if found is not None:
        return found
    lock = FileLock(tunnels_folder() / f"{record.name}.lock")
    deadline = time.monotonic() + _LOCK_SECONDS
    while not lock.acquire():
        if time.monotonic() > deadline:
            raise TunedeckError(
                f"Another program has been opening the tunnel of {record.name} for {_LOCK_SECONDS:.0f} s.",
                "Try again.",
            )
        time.sleep(_POLL_SECONDS)
    with lock:
        # Another program may have opened it while this one waited.
        tunnel = find_tunnel(record.name)
        there = start_engine(Ssh(record.destination), record)
        if tunnel is None or tunnel.far_port != there.port or not carries(tunnel):
            tunnel = open_tunnel(record, there.port)
        return _settle(record, memory, tunnel, there)


def _usable(record: RemoteEngine, memory: _Memory) -> RemoteAddress | None:
    """Return the tunnel that is open, when this program has its token already."""
    tunnel = find_tunnel(record.name)
    if tunnel is None or memory.token is None or memory.token_of != (tunnel.pid, tunnel.created):
        return None
    return RemoteAddress(tunnel.url, memory.token, tunnel.pid) if carries(tunnel) else None


def _settle(record: RemoteEngine, memory: _Memory, tunnel: Tunnel, there: FarAddress) -> RemoteAddress:
    memory.token, memory.token_of = there.token, (tunnel.pid, tunnel.created)
    if record.local_port != tunnel.local_port or not record.is_wanted:
        keep_record(replace(record, local_port=tunnel.local_port, is_wanted=True))
    if record.local_port != tunnel.local_port:
        from tui.remote.account import declare  # reads profiles; only when the port has changed

        declare(record, tunnel.url)
    return RemoteAddress(tunnel.url, there.token, tunnel.pid)


def _note_failure(memory: _Memory, error: TunedeckError) -> None:
    memory.failures += 1
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(memory.failures - 1, 8))
    if isinstance(error, SshError) and error.needs_a_person:
        wait = NEEDS_A_PERSON_WAIT
    memory.problem, memory.not_before = error, time.monotonic() + wait


def _memory(name: str) -> _Memory:
    with _memories_lock:
        return _memories.setdefault(name, _Memory(threading.Lock()))
