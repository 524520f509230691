"""The processes of a pass over a file: how they are started, asked and ended; some become each other.

A tokenizer takes 60 MB and a third of a second of every process that loads it. Where the system can fork, one
process loads it and becomes the others, which share its memory.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

from tui.datasets.child_environment import child_environment

_PROGRAM = "from tui.datasets.row_pass_child import main; main()"
_END_SECONDS = 5.0
_CAN_SHARE = sys.platform == "linux" and hasattr(os, "pidfd_open")
_PIPE_BYTES = 1 << 20
"""So that a child writes its answer, some 150 kB, and goes on; with 64 kB it would wait to be read."""

Job = Mapping[str, Any]
"""What a child is to do, as JSON: "kind" names it (`tui.datasets.row_pass_child`), the rest is its own."""
Request = Mapping[str, Any]
"""What a child is asked about one part: "start" and "end" in bytes, and what its kind of job needs."""


class Child:
    """A process that answers for one part after the other.

    Args:
        stdin: Takes requests.
        stdout: Gives answers.
        process: The process; None for one that another has become, known by its id once it is ready.
    """

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes], process: subprocess.Popen[bytes] | None) -> None:
        self.busy_since: float | None = None
        self.killed = False
        self._asked = 0
        self._stdin, self._stdout = stdin, stdout
        self._process = process
        self._handle: int | None = None
        """Of the process that another has become: unlike its id, it never means another process."""

    @classmethod
    def start(cls, path: Path, job: Job, pipes: Sequence[Pipes] = ()) -> Self:
        """Start a process.

        Args:
            path: The file.
            job: What to do.
            pipes: Of further processes that it becomes, once it has loaded what all of them need.
        """
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pipesize=_PIPE_BYTES,
            pass_fds=[each for one in pipes for each in one.of_child],
            env=child_environment(huge_pages=bool(pipes)),
        )
        assert process.stdin is not None
        assert process.stdout is not None
        child = cls(process.stdin, process.stdout, process)
        child._send({"path": str(path), **job, "siblings": [one.of_child for one in pipes]})
        return child

    def _send(self, value: Mapping[str, Any]) -> None:
        try:
            self._stdin.write(json.dumps(value).encode() + b"\n")
            self._stdin.flush()
        except BrokenPipeError:
            raise OSError("the process that read the file has ended") from None

    def get_ready(self) -> bool:
        """Wait until the process has started, so that its parts are timed alone.

        Returns:
            False where the system allowed no further process: the others do its work.

        Raises:
            OSError: The process has ended.
        """
        ready = self._stdout.readline()
        if self._process is None:
            with suppress(OSError, ValueError):
                self._handle = os.pidfd_open(int(ready))
            if self.killed:
                self._end()
            return self._handle is not None
        if not ready:
            raise OSError("the process that reads the file did not start")
        return True

    def ask(self, request: Request) -> None:
        """Ask for one part; it may wait behind one that was asked for before."""
        if not self._asked:
            self.busy_since = time.monotonic()
        self._asked += 1
        self._send(request)

    def answer(self) -> tuple[dict[str, Any], bytes]:
        """Return facts and payload of the oldest part asked for; raises OSError when the process ended."""
        head = self._stdout.readline()
        if not head.endswith(b"\n"):
            raise OSError("the process that read the file has ended")
        facts: dict[str, Any] = json.loads(head)
        payload = self._stdout.read(facts["payload"])
        if len(payload) < facts["payload"]:
            raise OSError("the process that read the file has ended")
        self._asked -= 1
        self.busy_since = time.monotonic() if self._asked else None
        return facts, payload

    @property
    def is_to_come(self) -> bool:
        """Another process has still to become this one; without that one it never will."""
        return self._process is None and self._handle is None

    def is_stuck(self, seconds: float) -> bool:
        """Say whether one part takes longer than `seconds`."""
        since = self.busy_since
        return since is not None and time.monotonic() - since > seconds

    def dismiss(self) -> None:
        """Let the process end by itself: there is nothing more to ask."""
        with suppress(OSError):
            self._stdin.close()

    def kill(self, patience: float = 0.0) -> None:
        """End the process, whatever it does; one that is not ready ends as soon as nobody can ask it.

        Args:
            patience: Seconds that it may take to end by itself.
        """
        self.killed = True
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
            with suppress(OSError):
                self._process.kill()
            self._process.wait()
        self._end()
        for stream in (self._stdin, self._stdout):
            with suppress(OSError):
                stream.close()

    def _end(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            with suppress(OSError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                select.select([handle], [], [], _END_SECONDS)  # its parent can bury it then
            os.close(handle)


class Pipes:
    """Both pipes of a process that another one becomes."""

    def __init__(self) -> None:
        import fcntl  # only Linux comes here

        stdin, ours = os.pipe()
        theirs, stdout = os.pipe()
        self.of_child = (stdin, stdout)
        """Its ends of them: stdin and stdout."""
        self.child = Child(os.fdopen(ours, "wb"), os.fdopen(theirs, "rb"), None)
        with suppress(OSError):  # its largest size is a limit of the system
            fcntl.fcntl(stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def close(self) -> None:
        """Leave the child's ends to it."""
        for descriptor in self.of_child:
            os.close(descriptor)


def start_children(path: Path, job: Job, processes: int) -> list[Child]:
    """Start the children of a pass.

    Args:
        path: The file.
        job: What to do; with "shared" in it one process loads what they need, and becomes the others, where
            the system can do that (Linux).
        processes: How many.

    Raises:
        OSError: There can't be so many.
    """
    if job.get("shared") and _CAN_SHARE:
        pipes: list[Pipes] = []
        try:
            pipes = [Pipes() for _ in range(processes - 1)]
            return [*(one.child for one in pipes), Child.start(path, job, pipes)]
        except OSError:
            for one in pipes:
                one.child.kill()
            raise
        finally:
            for one in pipes:
                one.close()
    children: list[Child] = []
    try:
        for _ in range(processes):
            children.append(Child.start(path, job))
    except OSError:
        for child in children:
            child.kill()
        raise
    return children
