"""How many threads the linear algebra library uses in this process, changed while it runs.

OpenBLAS threads wait for each other in a spin loop. Two of them on cores that other programs use slow chat
from 42 to 2 tokens/s (local-engine.md 2.3, measured 2026-11 on 2 cores). So: one while a job of ours trains,
and otherwise as many as there are cores, unless a short trial shows that the machine is too busy for that.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

CHECK_SECONDS = 0.25
"""How often a training worker is looked for."""

TRIAL_SECONDS = 1.0
"""How often threads are tried out while text is written; a trial takes 2 ms on an idle machine."""

TRIAL_SHARE = 0.03
"""The most of the time that trials may take: on a busy machine they are slow, so they become rare."""

TRIAL_PRODUCTS = 6

WORTHWHILE = 0.9
"""Several threads are used when they need less than this share of one thread's time."""

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
        self._most = min(available_cores(), MAX_THREADS)
        self._check_at = 0.0
        self._trial_at = 0.0
        self._training = False
        self._useful = self._most
        self.current = 0
        """The number last set, 0 before the first `adjust`."""

    def adjust(self) -> None:
        """Look again, when it is time to, and set the number of threads."""
        now = time.monotonic()
        if now >= self._check_at:
            self._check_at = now + CHECK_SECONDS
            self._training = self._is_training()
        if not self._training and self._most > 1 and now >= self._trial_at:
            self._try_out()
        self._set(1 if self._training else self._useful)

    def _try_out(self) -> None:
        one, several = self._time_products(1), self._time_products(self._most)
        self._useful = self._most if several < one * WORTHWHILE else 1
        pause = max(TRIAL_SECONDS, (one + several) / TRIAL_SHARE)
        self._trial_at = time.monotonic() + pause

    def _time_products(self, threads: int) -> float:
        """Return how long the products of a small layer take with `threads`, in seconds."""
        self._set(threads)
        matrix, vector = _trial_operands()
        np.dot(matrix, vector)  # wakes the threads
        start = time.perf_counter()
        for _ in range(TRIAL_PRODUCTS):
            np.dot(matrix, vector)
        return time.perf_counter() - start

    def _set(self, threads: int) -> None:
        if threads != self.current:
            self._controller.limit(limits=threads, user_api="blas")
            self.current = threads


_operands: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []


def _trial_operands() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a matrix of 3.5 MB, as large as one of the 135M model's, and a vector."""
    if not _operands:
        _operands.append((np.ones((1536, 576), dtype=np.float32), np.ones(576, dtype=np.float32)))
    return _operands[0]


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
