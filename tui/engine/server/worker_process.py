"""The process that trains one job: started in its own session, found again by process id and start time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

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


def worker_command(folder: Path) -> list[str]:
    """Return the command line that trains the job in `folder`."""
    return [sys.executable, "-m", "tui.engine.worker", str(folder)]


class WorkerProcess:
    """A worker of ours, or one that an earlier engine left running."""

    def __init__(self, process: psutil.Process, child: subprocess.Popen[bytes] | None) -> None:
        self._process = process
        self._child = child
        self.pid = process.pid
        self.created = process.create_time()

    @classmethod
    def start(cls, folder: Path) -> WorkerProcess | None:
        """Start a worker on a run folder; None when it ended before it could be looked at."""
        log = folder / "worker.log"
        too_long = log.exists() and log.stat().st_size > LOG_LIMIT
        with log.open("wb" if too_long else "ab") as stream:
            child = subprocess.Popen(
                worker_command(folder),
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
    def attach(cls, pid: int | None, created: float | None) -> WorkerProcess | None:
        """Return the worker that an earlier engine started, when it still lives."""
        if pid is None or created is None:
            return None
        try:
            process = psutil.Process(pid)
            if abs(process.create_time() - created) > 0.01 or process.status() == psutil.STATUS_ZOMBIE:
                return None
            return cls(process, None)
        except psutil.Error:
            return None

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
