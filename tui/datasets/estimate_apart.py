"""An estimate made in a process of its own, so that the app stays quick and small: a vocabulary takes 150 MB.

Starting the process and loading the vocabulary take half a second, the estimate a tenth. Who sees that one
will be wanted (the cursor rests on a large file) calls `warm_up`, and the process waits for its question.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tui.datasets.child_environment import child_environment
from tui.errors import TunedeckError

if TYPE_CHECKING:
    from tui.datasets.estimate import FileEstimate

LARGE_BYTES = 8 << 20
"""Files below it are counted exactly about as soon as they are estimated."""
PATIENCE_SECONDS = 60.0
"""How long a process waits for its question."""
_TICK_SECONDS = 0.05
_PROGRAM = "from tui.datasets.estimate_apart import main; main()"
_CANNOT_START = "Count the file whole, or free some memory and try again."

_waiting: dict[str, subprocess.Popen[bytes]] = {}
"""Encoding -> a process that has loaded it, or is about to."""
_taking = threading.Lock()


class EstimateCancelled(Exception):
    """The caller asked the estimate to stop."""


def warm_up(encoding: str) -> None:
    """Have a process wait for a question about files of this vocabulary; it ends by itself after a minute."""
    with _taking, suppress(TunedeckError):
        process = _waiting.get(encoding)
        if process is None or process.poll() is not None:
            _waiting[encoding] = _start(encoding)


def cool_down() -> None:
    """End the processes that wait."""
    with _taking:
        while _waiting:
            _end(_waiting.popitem()[1])


def estimate_apart(
    path: Path,
    encoding: str,
    limit: int | None,
    *,
    cancelled: Callable[[], bool] = lambda: False,
) -> FileEstimate:
    """Return `estimate_file` for a file, made by another process.

    Args:
        path: A regular file.
        encoding: Name of a shipped vocabulary.
        limit: Most tokens of an example; None cuts nothing.
        cancelled: Asked twenty times a second; True ends the process.

    Raises:
        TunedeckError: As `estimate_file`, or the process could not be started or ended early.
        EstimateCancelled: `cancelled` returned True.
    """
    process = _take(encoding)
    question: bytes | None = json.dumps({"path": str(path), "limit": limit}).encode() + b"\n"
    try:
        while True:
            if cancelled():
                raise EstimateCancelled
            with suppress(subprocess.TimeoutExpired):
                answer, _ = process.communicate(question, timeout=_TICK_SECONDS)
                return _read(answer, path)
            question = None  # the first call remembers what it has not sent yet
    finally:
        _end(process)


def _take(encoding: str) -> subprocess.Popen[bytes]:
    with _taking:
        process = _waiting.pop(encoding, None)
    if process is not None and process.poll() is None:
        return process
    return _start(encoding)


def _start(encoding: str) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM, encoding],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment(),
        )
    except OSError as error:
        raise TunedeckError(f"No process could be started to estimate: {error}.", _CANNOT_START) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()


def _read(answer: bytes, path: Path) -> FileEstimate:
    from tui.datasets.estimate import FileEstimate  # all that counts rows comes with it: not to warm up

    try:
        value = json.loads(answer)
    except ValueError:
        raise TunedeckError(f"The estimate of {path} ended early.", _CANNOT_START) from None
    if "error" in value:
        raise TunedeckError(*value["error"])
    return FileEstimate.from_record(value)


def main() -> None:
    """Load a vocabulary, wait for one question on stdin and answer it on stdout, both in one line of JSON."""
    from tui.datasets.engines.choose import engine_for
    from tui.datasets.estimate import estimate_file

    encoding = sys.argv[1]
    impatience = threading.Timer(PATIENCE_SECONDS, os._exit, (0,))
    impatience.daemon = True
    impatience.start()
    engine_for(encoding)
    gc.disable()  # it answers once
    line = sys.stdin.buffer.readline()
    impatience.cancel()
    if not line:
        return
    asked = json.loads(line)
    try:
        answer = estimate_file(Path(asked["path"]), encoding, limit=asked["limit"]).as_record()
    except TunedeckError as error:
        answer = {"error": [error.message, error.remedy]}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    os._exit(
        0
    )  # who asked waits for the end, and to clear up a vocabulary takes as long as half the estimate
