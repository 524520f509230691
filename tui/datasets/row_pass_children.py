"""The children of a pass over a file, and the threads that feed them and hear their answers."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tui.datasets.row_pass_process import Child, Job, Request, start_children
from tui.errors import TunedeckError

TICK_SECONDS = 0.05
_PATIENCE_SECONDS = 1.0
_PARTS_AHEAD = 2
_MOST_WAITING = 512
"""Parts that are known before they are asked for: while the children start, one core has nothing to do."""


class Children:
    """The children of one pass, a thread for each that feeds it, and one that says what the parts are."""

    def __init__(
        self,
        path: Path,
        job: Job,
        requests: Iterable[Request],
        processes: int,
        complete: Callable[[Request], Request] = lambda request: request,
    ) -> None:
        self.answers: queue.Queue[tuple[int, Request, dict[str, Any], bytes] | BaseException] = queue.Queue()
        self.total: int | None = None
        """Parts in all, once it is known."""
        self._ended = False
        self._waiting: queue.Queue[tuple[int, Request] | None] = queue.Queue(_MOST_WAITING)
        self._room = threading.Semaphore(4 * processes)
        """Parts asked for and not yet taken; a child far ahead of a slow one waits."""
        self._complete = complete
        self.children = start_children(path, job, processes)
        self._preparing = threading.Thread(target=self._prepare, args=(requests,), daemon=True)
        self._preparing.start()
        for child in self.children:
            threading.Thread(target=self._feed, args=(child,), daemon=True).start()

    def _prepare(self, requests: Iterable[Request]) -> None:
        count = 0
        try:
            for request in requests:
                if self._ended:
                    return
                self._offer((count, request))
                count += 1
        except (OSError, TunedeckError) as error:
            self.answers.put(error)
            return
        self.total = count
        self._offer(None)

    def _offer(self, part: tuple[int, Request] | None) -> None:
        while not self._ended:
            with suppress(queue.Full):
                self._waiting.put(part, timeout=TICK_SECONDS)
                return

    def _feed(self, child: Child) -> None:
        asked: deque[tuple[int, Request]] = deque()
        try:
            if not child.get_ready():
                return
            while self._ask_ahead(child, asked) or asked:
                facts, payload = child.answer()
                self.answers.put((*asked.popleft(), facts, payload))
        except (OSError, ValueError) as error:
            if not child.killed:
                self.answers.put(error)

    def _ask_ahead(self, child: Child, asked: deque[tuple[int, Request]]) -> bool:
        """Ask for parts while there are any, and wait for one only where nothing is asked for.

        A second part waits in the pipe, so that the child need not wait for it.
        """
        # Room before the part: who has the next part and waits for room would wait for those after it.
        while len(asked) < _PARTS_AHEAD and self._room.acquire(blocking=not asked):
            part = self._next_part(block=not asked)
            if part is None or self._ended:
                self._room.release()
                break
            child.ask(self._complete(part[1]))
            asked.append(part)
        return bool(asked)

    def _next_part(self, *, block: bool) -> tuple[int, Request] | None:
        """Return a part that nobody has been asked for, or None where there is none, or none yet."""
        try:
            part = self._waiting.get(block=block)
        except queue.Empty:
            return None
        if part is None:
            self._waiting.put(None)  # for the next child, and for this one again
        return part

    def taken(self) -> None:
        """Note that one answer was passed on."""
        self._room.release()

    def stuck(self, seconds: float) -> Child | None:
        """Return a child that takes longer than `seconds` for one part."""
        return next((child for child in self.children if child.is_stuck(seconds)), None)

    def end(self, *, is_done: bool = False) -> None:
        """End every child, and what prepares parts for them.

        Args:
            is_done: Every part was answered, so that they need but be told.
        """
        self._ended = True
        self._room.release(max(1, len(self.children)))  # for those that wait; a file may have shrunk to none
        if is_done:
            for child in self.children:
                child.dismiss()
        for child in sorted(self.children, key=lambda one: one.is_to_come):
            child.kill(_PATIENCE_SECONDS if is_done else 0.0)
        self._preparing.join()
        with suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()
        self._waiting.put(None)
