"""One question asked of every line of a file, in processes of their own, answered part by part in file order.

A thread would hold the interpreter's lock for whole regular expressions and parsed rows, and the person would
feel it with every key. A process can also be ended: a pattern that never finishes takes nothing along.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.datasets.files import FileState, open_file, written_error
from tui.errors import TunedeckError

PART_BYTES = 4 << 20
_MOST_PROCESSES = 8
_TICK_SECONDS = 0.05

Job = Mapping[str, Any]
"""What a child is to do, as JSON: "kind" names it (`tui.datasets.row_pass_child`), the rest is its own."""


class PassCancelled(Exception):
    """The caller asked the pass to stop."""


@dataclass(frozen=True, slots=True)
class PartAnswer:
    """What a child found in one part of the file."""

    first_line: int
    """Number of the part's first line, from 1."""
    lines: int
    """Lines that begin in the part."""
    facts: Mapping[str, Any]
    payload: bytes


class _Child:
    """A process that answers for one part after the other."""

    def __init__(self, path: Path, job: Job) -> None:
        self.busy_since: float | None = None
        self.killed = False
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", "from tui.datasets.row_pass_child import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )
        self._send({"path": str(path), **job})

    def _send(self, value: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(value).encode() + b"\n")
        self._process.stdin.flush()

    def get_ready(self) -> None:
        """Wait until the process has started, so that its parts are timed alone."""
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise OSError("the process that reads the file did not start")

    def ask(self, start: int, end: int) -> tuple[dict[str, Any], bytes]:
        """Return facts and payload of one part; raises OSError when the process ended."""
        self.busy_since = time.monotonic()
        self._send({"start": start, "end": end})
        assert self._process.stdout is not None
        head = self._process.stdout.readline()
        if not head.endswith(b"\n"):
            raise OSError("the process that read the file has ended")
        facts: dict[str, Any] = json.loads(head)
        payload = self._process.stdout.read(facts["payload"])
        self.busy_since = None
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


def _environment() -> dict[str, str]:
    """Let the child find this very package, and nothing that lies in the current folder."""
    package = str(Path(__file__).resolve().parents[2])
    known = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([package, known] if known else [package])}


class _Pass:
    """The children of one pass, and a thread for each that feeds it."""

    def __init__(self, path: Path, job: Job, size: int, processes: int) -> None:
        starts = range(0, size, PART_BYTES)
        self.ranges = [(start, min(size, start + PART_BYTES)) for start in starts]
        self.answers: queue.Queue[tuple[int, dict[str, Any], bytes] | BaseException] = queue.Queue()
        self._next = iter(range(len(self.ranges)))
        self._lock = threading.Lock()
        self._ended = False
        self._room = threading.Semaphore(4 * processes)
        """Parts answered and not yet taken; a child far ahead of a slow one waits."""
        self.children = [_Child(path, job) for _ in range(min(processes, len(self.ranges)))]
        for child in self.children:
            threading.Thread(target=self._feed, args=(child,), daemon=True).start()

    def _feed(self, child: _Child) -> None:
        try:
            child.get_ready()
            while True:
                self._room.acquire()
                with self._lock:
                    part = None if self._ended else next(self._next, None)
                if part is None:
                    return
                facts, payload = child.ask(*self.ranges[part])
                self.answers.put((part, facts, payload))
        except (OSError, ValueError) as error:
            if not child.killed:
                self.answers.put(error)

    def taken(self) -> None:
        """Note that one answer was passed on."""
        self._room.release()

    def stuck(self, seconds: float) -> _Child | None:
        """Return a child that takes longer than `seconds` for one part."""
        return next((child for child in self.children if child.is_stuck(seconds)), None)

    def end(self) -> None:
        """End every child."""
        self._ended = True
        for child in self.children:
            child.kill()
            self._room.release()


def ask_every_line(
    path: Path,
    job: Job,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    seconds_for_part: float | None = None,
    too_slow: TunedeckError | None = None,
    processes: int | None = None,
) -> Generator[PartAnswer, None, None]:
    """Yield what the children find, part after part in the order of the file.

    Args:
        path: A regular file.
        job: What to do; see `tui.datasets.row_pass_child`.
        on_progress: Called with (bytes done, bytes in all) after each part.
        cancelled: Asked twenty times a second; True ends the pass.
        seconds_for_part: A part of 4 MB that takes longer ends the pass with `too_slow`.
        too_slow: The error of a part that takes too long.
        processes: How many; None takes one per core, eight at most.

    Raises:
        TunedeckError: The file can't be read or was rewritten meanwhile, or a part took too long.
        PassCancelled: `cancelled` returned True.
    """
    with open_file(path) as stream:
        before = FileState.of(os.fstat(stream.fileno()))
    wanted = processes or max(1, min(_MOST_PROCESSES, os.cpu_count() or 1))
    work = _Pass(path, job, before.size, wanted)
    try:
        first_line = 1
        for part, (facts, payload) in enumerate(
            _in_order(work, cancelled, seconds_for_part, too_slow, str(path))
        ):
            work.taken()
            yield PartAnswer(first_line, facts["lines"], facts, payload)
            first_line += facts["lines"]
            if on_progress:
                on_progress(work.ranges[part][1], before.size)
    finally:
        work.end()
    check_only_grown(path, before)


def _in_order(
    work: _Pass,
    cancelled: Callable[[], bool],
    seconds: float | None,
    too_slow: TunedeckError | None,
    name: str,
) -> Iterator[tuple[dict[str, Any], bytes]]:
    early: dict[int, tuple[dict[str, Any], bytes]] = {}
    for wanted in range(len(work.ranges)):
        while wanted not in early:
            if cancelled():
                raise PassCancelled
            if seconds is not None and work.stuck(seconds) is not None:
                raise too_slow or TunedeckError(f"{name} takes too long to read.")
            try:
                answer = work.answers.get(timeout=_TICK_SECONDS)
            except queue.Empty:
                continue
            if isinstance(answer, BaseException):
                raise TunedeckError(
                    f"Reading {name} stopped: {answer}.", "Try again; if it happens again, free some memory."
                ) from answer
            part, facts, payload = answer
            if "error" in facts:
                raise TunedeckError(*facts["error"])
            early[part] = facts, payload
        yield early.pop(wanted)


def check_only_grown(path: Path, before: FileState) -> None:
    """Raise unless a file is what it was before a pass, or longer.

    Raises:
        TunedeckError: It was rewritten, cut, replaced or removed.
    """
    try:
        after = FileState.of(os.stat(path))
    except OSError:
        raise written_error(path) from None
    same_file = (after.inode, after.device) == (before.inode, before.device)
    if after != before and not (same_file and after.size > before.size):
        raise written_error(path)
