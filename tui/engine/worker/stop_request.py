"""Why a run should stop before its end: a file, a signal, or an engine that is gone."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from enum import StrEnum
from pathlib import Path

from tui.engine.run_folder import ENGINE_VARIABLE, STOP_CANCEL, STOP_PAUSE

PARENT_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of Linux's prctl(2)."""


class StopReason(StrEnum):
    """What ends a run early."""

    CANCEL = "cancelled"
    PAUSE = "paused"
    INTERRUPTED = "interrupted"
    """The engine goes away or sent SIGTERM alone: keep the state, give no verdict."""


class StopRequest:
    """Watches for reasons to stop; ask after every step.

    Args:
        folder: The run folder.
        watch_parent: Stop when the process that started this one is gone.
    """

    def __init__(self, folder: Path, *, watch_parent: bool = False) -> None:
        self._folder = folder
        self._parent = _engine_pid() if watch_parent else None
        self._terminated = False

    def listen(self) -> None:
        """Take SIGTERM and SIGINT as requests; on Linux also ask to hear of the parent's death."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        if self._parent is not None and sys.platform == "linux":
            ctypes.CDLL(None, use_errno=True).prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)

    def reason(self) -> StopReason | None:
        """Return why to stop now, if at all."""
        if (self._folder / STOP_CANCEL).exists():
            return StopReason.CANCEL
        if (self._folder / STOP_PAUSE).exists():
            return StopReason.PAUSE
        orphaned = self._parent is not None and os.getppid() != self._parent
        return StopReason.INTERRUPTED if self._terminated or orphaned else None

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._terminated = True


def _engine_pid() -> int:
    """Return the process whose end is this one's end: the engine, which may be gone already."""
    told = os.environ.get(ENGINE_VARIABLE, "")
    # On Windows a virtual environment's python is a launcher, so that the parent is not the engine.
    return int(told) if told.isdecimal() and sys.platform != "win32" else os.getppid()
