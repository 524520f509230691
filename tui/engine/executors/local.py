"""This machine as executor: a process per job, found again by its id and start time."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from tui.engine.executors.protocol import Handle
from tui.engine.run_folder import ENGINE_VARIABLE

_POOL_SIZES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
ONE_THREAD = dict.fromkeys(_POOL_SIZES, "1")
"""The worker shares work over its own threads; two pools of spinning threads would starve each other."""
TO_BE_CONTINUED = 75
"""Exit code of a worker that was told to leave and can go on from its state (EX_TEMPFAIL)."""
LOG_LIMIT = 1_000_000
"""Bytes of worker.log beyond which a restart begins a new one."""


class LocalExecutor:
    """Runs workers as processes of this machine, which end with the engine and save first."""

    name = "local"
    here = True
    bills = False
    several_workers = False
    has_own_trainers = False
    cancel_grace = 0.7
    """Nothing it could still save is wanted."""
    pause_grace = 60.0
    """Its last save is at most 20 s old anyway."""

    def why_not(self) -> str | None:
        """Return None: this machine is always there."""
        return None

    def does_not_answer(self) -> str | None:
        """Return None: it is asked right now."""
        return None

    def what_it_costs(self) -> str:
        """Return "": it is the person's own machine."""
        return ""

    def start(self, folder: Path, command: Sequence[str]) -> WorkerProcess | None:
        """Start a worker on a run folder; None when it ended before it could be looked at."""
        return WorkerProcess.start(folder, command)

    def attach(self, handle: Mapping[str, str | int | float]) -> WorkerProcess | None:
        """Return the worker that an earlier engine started, when it still lives."""
        pid, created = handle.get("pid"), handle.get("created")
        if not isinstance(pid, int) or not isinstance(created, int | float):
            return None
        return WorkerProcess.attach(pid, created)

    def sync(self, folder: Path) -> None:
        """Do nothing: the worker writes into this very folder."""


class WorkerProcess:
    """A worker of ours, or one that an earlier engine left running."""

    def __init__(self, process: psutil.Process, child: subprocess.Popen[bytes] | None) -> None:
        self._process = process
        self._child = child
        self.pid = process.pid
        self.created = process.create_time()

    @classmethod
    def start(cls, folder: Path, command: Sequence[str]) -> WorkerProcess | None:
        """Start a worker on a run folder; None when it ended before it could be looked at."""
        log = folder / "worker.log"
        too_long = log.exists() and log.stat().st_size > LOG_LIMIT
        with log.open("wb" if too_long else "ab") as stream:
            child = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env={**os.environ, **ONE_THREAD, ENGINE_VARIABLE: str(os.getpid())},
                start_new_session=True,
            )
        try:
            return cls(psutil.Process(child.pid), child)
        except psutil.Error:
            child.wait()
            return None

    @classmethod
    def attach(cls, pid: int, created: float) -> WorkerProcess | None:
        """Return the process with this number and start time, when it still lives."""
        try:
            process = psutil.Process(pid)
            if abs(process.create_time() - created) > 0.01 or process.status() == psutil.STATUS_ZOMBIE:
                return None
            return cls(process, None)
        except psutil.Error:
            return None

    @property
    def handle(self) -> Handle:
        """Its process id and start time, which tells it from a later process with the same number."""
        return {"pid": self.pid, "created": self.created}

    def alive(self) -> bool:
        """Say whether it still runs; a dead child is collected here."""
        if self._child is not None:
            return self._child.poll() is None
        try:
            return bool(self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False

    def ask_to_stop(self) -> None:
        """Ask it to finish its step, save and leave; the stop file in its folder says why."""
        if os.name == "posix":  # elsewhere this signal ends a process at once; the file is enough
            self._signal(signal.SIGTERM, whole_group=False)

    def kill(self) -> None:
        """End it and whatever it started, at once."""
        self._signal(getattr(signal, "SIGKILL", signal.SIGTERM), whole_group=True)
        if self._child is not None:
            self._child.wait()

    def how_it_ended(self) -> str:
        """Return a phrase for people: the signal or the exit code."""
        code = self._child.returncode if self._child is not None else None
        if code is None:
            return "for an unknown reason"
        if code < 0:
            return f"by signal {signal.Signals(-code).name}"
        return f"with exit code {code}"

    def is_to_blame(self) -> bool:
        """Say whether it left on its own account, and not because its engine did."""
        return self._child is not None and self._child.returncode != TO_BE_CONTINUED

    def _signal(self, number: int, *, whole_group: bool) -> None:
        # psutil compares the start time first, so that a later process with this number is never hit.
        if not self._process.is_running():
            return
        try:
            if whole_group and os.name == "posix" and os.getpgid(self.pid) == self.pid:
                os.killpg(self.pid, number)
            else:
                self._process.send_signal(number)
        except (psutil.Error, ProcessLookupError, PermissionError):
            pass  # it ended in between, which is what was wanted
