"""How many threads the linear algebra library uses in this process, changed while it runs.

OpenBLAS threads wait for each other in a spin loop: two of them sharing cores with a training worker slow
chat from 42 to 2 tokens/s (local-engine.md 2.3, measured 2026-11 on 2 cores). So: one while a job trains.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from threadpoolctl import ThreadpoolController

CHECK_SECONDS = 0.25
MAX_THREADS = 8
"""Decoding is bound by memory bandwidth; more threads than this add only waiting."""


class BlasThreads:
    """Keeps the number of BLAS threads right for what the machine is doing.

    Args:
        is_training: Tells whether a training worker runs now; asked at most four times a second.
    """

    def __init__(self, is_training: Callable[[], bool]) -> None:
        self._is_training = is_training
        self._controller = ThreadpoolController()
        self._checked_at = -CHECK_SECONDS
        self.current: int | None = None
        """The number last set, None before the first `adjust`."""

    def adjust(self) -> None:
        """Set the number of threads if it is time to look again and it has changed."""
        now = time.monotonic()
        if now - self._checked_at < CHECK_SECONDS:
            return
        self._checked_at = now
        wanted = 1 if self._is_training() else min(available_cores(), MAX_THREADS)
        if wanted != self.current:
            self._controller.limit(limits=wanted, user_api="blas")
            self.current = wanted


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
