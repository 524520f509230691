"""The children of a pass over a file: processes, and the threads that feed them and hear their answers."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tui.datasets.child_environment import child_environment
from tui.errors import TunedeckError

TICK_SECONDS = 0.05
_PARTS_AHEAD = 2
_PIPE_BYTES = 1 << 20
"""So that a child writes its answer, some 150 kB, and goes on; with 64 kB it would wait to be read."""

Job = Mapping[str, Any]
"""What a child is to do, as JSON: "kind" names it (`tui.datasets.row_pass_child`), the rest is its own."""
Request = Mapping[str, Any]
"""What a child is asked about one part: "start" and "end" in bytes, and what its kind of job needs."""


class Child:
    """A process that answers for one part after the other."""

    def __init__(self, path: Path, job: Job) -> None:
        self.busy_since: float | None = None
        self.killed = False
        self._asked = 0
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", "from tui.datasets.row_pass_child import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pipesize=_PIPE_BYTES,
            env=child_environment(),
        )
        self._send({"path": str(path), **job})

    def _send(self, value: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(value).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise OSError("the process that read the file has ended") from None

    def get_ready(self) -> None:
        """Wait until the process has started, so that its parts are timed alone."""
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise OSError("the process that reads the file did not start")

    def ask(self, request: Request) -> None:
        """Ask for one part; it may wait behind one that was asked for before."""
        if not self._asked:
            self.busy_since = time.monotonic()
        self._asked += 1
        self._send(request)

    def answer(self) -> tuple[dict[str, Any], bytes]:
        """Return facts and payload of the oldest part asked for; raises OSError when the process ended."""
        assert self._process.stdout is not None
        head = self._process.stdout.readline()
        if not head.endswith(b"\n"):
            raise OSError("the process that read the file has ended")
        facts: dict[str, Any] = json.loads(head)
        payload = self._process.stdout.read(facts["payload"])
        if len(payload) < facts["payload"]:
            raise OSError("the process that read the file has ended")
        self._asked -= 1
        self.busy_since = time.monotonic() if self._asked else None
        return facts, payload

    def is_stuck(self, seconds: float) -> bool:
        """Say whether one part takes longer than `seconds`."""
        since = self.busy_since
        return since is not None and time.monotonic() - since > seconds

    def kill(self) -> None:
        """End the process, whatever it does."""
        self.killed = True
        with suppress(OSError):
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


class Children:
    """The children of one pass, a thread for each that feeds it, and one that says what the parts are."""

    def __init__(self, path: Path, job: Job, requests: Iterable[Request], processes: int) -> None:
        self.answers: queue.Queue[tuple[int, Request, dict[str, Any], bytes] | BaseException] = queue.Queue()
        self.total: int | None = None
        """Parts in all, once it is known."""
        self._ended = False
        self._waiting: queue.Queue[tuple[int, Request] | None] = queue.Queue(2 * processes)
        self._room = threading.Semaphore(4 * processes)
        """Parts asked for and not yet taken; a child far ahead of a slow one waits."""
        self.children: list[Child] = []
        try:
            for _ in range(processes):
                self.children.append(Child(path, job))
        except OSError:
            self._kill()
            raise
        self._preparing = threading.Thread(target=self._prepare, args=(requests,), daemon=True)
        self._preparing.start()
        for child in self.children:
            threading.Thread(target=self._feed, args=(child,), daemon=True).start()

    def _prepare(self, requests: Iterable[Request]) -> None:
        count = 0
        try:
            for request in requests:
                self._room.acquire()
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
            child.get_ready()
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
        while len(asked) < _PARTS_AHEAD:
            try:
                part = self._waiting.get(block=not asked)
            except queue.Empty:
                break
            if part is None:
                self._waiting.put(None)  # for the next child, and for this one again
                break
            child.ask(part[1])
            asked.append(part)
        return bool(asked)

    def taken(self) -> None:
        """Note that one answer was passed on."""
        self._room.release()

    def stuck(self, seconds: float) -> Child | None:
        """Return a child that takes longer than `seconds` for one part."""
        return next((child for child in self.children if child.is_stuck(seconds)), None)

    def end(self) -> None:
        """End every child, and what prepares parts for them."""
        self._ended = True
        self._room.release()
        self._kill()
        self._preparing.join()
        with suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()
        self._waiting.put(None)

    def _kill(self) -> None:
        for child in self.children:
            child.kill()
