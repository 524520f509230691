"""Threads for work that a program may leave behind when it ends: none of them holds up the exit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")
GRACE_SECONDS = 0.2
"""What is nearly done may still finish; a request to a service that hangs is not waited for."""


class LeavingThreads(ThreadPoolExecutor):
    """An executor whose threads are daemons, to be an event loop's default one.

    asyncio and the standard executor wait at exit until every call has returned, which takes as long as the
    slowest service has to answer. What the calls write (store, settings, files) is whole or not there.
    """

    def __init__(self) -> None:
        super().__init__(max_workers=1)  # its own threads are never started
        self._running: set[threading.Thread] = set()
        self._set_lock = threading.Lock()

    def submit(
        self, fn: Callable[_Parameters, _Result], /, *args: _Parameters.args, **kwargs: _Parameters.kwargs
    ) -> Future[_Result]:
        """Run the call in a thread of its own."""
        future: Future[_Result] = Future()

        def run() -> None:
            try:
                if future.set_running_or_notify_cancel():
                    future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)
            finally:
                with self._set_lock:
                    self._running.discard(threading.current_thread())

        thread = threading.Thread(target=run, name=getattr(fn, "__name__", "work"), daemon=True)
        with self._set_lock:
            self._running.add(thread)
        thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Give calls under way `GRACE_SECONDS` in all, when asked to wait."""
        super().shutdown(wait=False, cancel_futures=cancel_futures)
        deadline = time.monotonic() + (GRACE_SECONDS if wait else 0)
        with self._set_lock:
            running = list(self._running)
        for thread in running:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
