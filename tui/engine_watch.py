"""Starts the local engine where it is wanted and follows it, only as long as something is under way."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from tui.errors import TunedeckError
from tui.safe_text import safe_line

if TYPE_CHECKING:
    from tui.config import Settings
    from tui.local_engine import EngineAddress

NO_START_VARIABLE = "TUNEDECK_NO_ENGINE_START"
"""Set to anything but 0 to leave the engine alone (tests, people who run it by hand)."""
_SECONDS_BETWEEN_LOOKS = 0.5


class Phase(StrEnum):
    """How far the local engine and its base model are."""

    UNKNOWN = "unknown"
    AT_REST = "at rest"
    STARTING = "starting"
    FETCHING = "fetching"
    PREPARING = "preparing"
    NO_MODEL = "no model"
    READY = "ready"
    FAILED = "failed"


class EngineState(NamedTuple):
    """A snapshot of the local engine for the screens."""

    phase: Phase = Phase.UNKNOWN
    model: str = ""
    done_bytes: int = 0
    total_bytes: int = 0
    folder: str = ""
    error: str = ""
    remedy: str = ""

    @property
    def fraction(self) -> float:
        """How much of the base model is here, 0 to 1."""
        return self.done_bytes / self.total_bytes if self.total_bytes else 0.0

    @property
    def under_way(self) -> bool:
        """True while it changes by itself."""
        return self.phase in (Phase.STARTING, Phase.FETCHING, Phase.PREPARING)


class EngineWatch:
    """One start and its progress; runs in a worker thread and reports snapshots.

    Args:
        on_state: Called from that thread, at most twice a second, only when something changed.
    """

    def __init__(self, on_state: Callable[[EngineState], None]) -> None:
        self._on_state = on_state
        self._last: EngineState | None = None

    def run(self, settings: Settings, cancelled: Callable[[], bool]) -> None:
        """Find or start the engine, then follow the base model's fetch to its end.

        Args:
            settings: Say whether the local engine is the default account.
            cancelled: Asked twice a second; True ends at once.
        """
        try:
            address = self._reach(settings)
            if address is None:
                self._report(EngineState(Phase.AT_REST))
                return
            while not cancelled():
                state = read_state(address)
                self._report(state)
                if not state.under_way:
                    return
                time.sleep(_SECONDS_BETWEEN_LOOKS)
        except TunedeckError as error:
            self._report(EngineState(Phase.FAILED, error=error.message, remedy=error.remedy))

    def _reach(self, settings: Settings) -> EngineAddress | None:
        from tui.local_engine import (
            ensure_engine,
            find_engine,
        )  # its HTTP client is not needed for first paint

        address = find_engine()
        if address is not None or not _may_start(settings):
            return address
        self._report(EngineState(Phase.STARTING))
        return ensure_engine(idle_exit_seconds=settings.engine_idle_seconds)

    def _report(self, state: EngineState) -> None:
        if state != self._last:
            self._last = state
            self._on_state(state)


def _may_start(settings: Settings) -> bool:
    forbidden = os.environ.get(NO_START_VARIABLE, "0") not in ("", "0")
    return settings.default_account == "local" and not forbidden


def read_state(address: EngineAddress) -> EngineState:
    """Ask a running engine how it is."""
    from tui.local_engine import engine_status

    base = engine_status(address).base_model
    phases = {
        "downloading": Phase.FETCHING,
        "preparing": Phase.PREPARING,
        "ready": Phase.READY,
        "failed": Phase.FAILED,
    }
    return EngineState(
        phases.get(base.state, Phase.NO_MODEL),
        model=safe_line(base.name, 80),
        done_bytes=base.done_bytes or 0,
        total_bytes=base.total_bytes or 0,
        folder=safe_line(str(base.folder or ""), 200),
        error=safe_line(base.error or "", 300),
    )
