"""The process behind `row_pass`: reads a job, then answers for one part of the file after the other.

A line of JSON comes in for the job and one for each part; out goes a line when it is ready, its process id,
then for each part a line of JSON with the length of the binary payload that follows. What a job does is a
class in its own module, named here.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, BinaryIO, Protocol, runtime_checkable

from tui.datasets.files import read_at
from tui.errors import TunedeckError

KINDS = {
    "search": ("tui.datasets.pattern_search", "PatternJob"),
    "filter": ("tui.datasets.row_filter", "FilterJob"),
    "compare": ("tui.datasets.compared_rows", "CompareJob"),
    "facets": ("tui.datasets.facet_flags", "FacetJob"),
    "fixes": ("tui.datasets.fixes.plan", "FixJob"),
    "tokens": ("tui.datasets.row_order", "TokenJob"),
    "keys": ("tui.datasets.reshape.keys", "KeyJob"),
    "signatures": ("tui.datasets.reshape.near", "SignatureJob"),
    "shapes": ("tui.datasets.reshape.merge", "ShapeJob"),
    "scan": ("tui.datasets.scan_job", "ScanJob"),
}
"""Kind of a job -> module and class that does it."""
MOST_LINE_BYTES = 256 << 20
"""A line above it is taken by its beginning."""
_READ_ON = 1 << 20


class PassJob(Protocol):
    """What one kind of job does with the lines of a part."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        """Prepare; a TunedeckError here is told to the person."""

    def part(self, lines: list[bytes], *, is_first: bool) -> tuple[dict[str, Any], bytes]:
        """Return facts, as JSON values, and a payload about these lines, which come without line ends."""


@runtime_checkable
class RangeJob(Protocol):
    """A job that reads its part of the file itself."""

    def range(self, descriptor: int, wanted: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Return facts, the number of lines among them, and a payload about a part of an open file.

        Raises:
            TunedeckError: It can't be read; that is told to the person.
        """


def main() -> None:
    """Answer until nobody asks any more."""
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    job = json.loads(asked.readline())
    try:
        module, name = KINDS[job["kind"]]
        worker: PassJob | RangeJob = getattr(importlib.import_module(module), name)(job)
    except TunedeckError as error:
        answers.write(b"\n")
        _answer(answers, {"error": [error.message, error.remedy]}, b"")
        return
    # Parsed rows hold no cycles; looking for them after every few hundred objects costs a tenth of the pass.
    gc.freeze()
    gc.disable()
    fork_siblings(job.get("siblings", ()))
    answers.write(b"%d\n" % os.getpid())  # ready
    answers.flush()
    with open(job["path"], "rb", buffering=0) as stream:
        for request in iter(asked.readline, b""):
            _answer(answers, *_part(worker, stream.fileno(), json.loads(request)))
            gc.collect()
    if job.get("siblings"):
        _end_with_siblings()


def fork_siblings(pipes: Sequence[Sequence[int]]) -> None:
    """Become several processes that share what was loaded so far.

    Args:
        pipes: Descriptors of stdin and stdout of each further one; this process closes them.
    """
    if pipes:
        signal.signal(signal.SIGCHLD, _bury)
    with suppress(OSError):  # too many processes: fewer do the same work
        for stdin, stdout in pipes:
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.dup2(stdin, 0)
                os.dup2(stdout, 1)
                break
    for descriptor in chain.from_iterable(pipes):
        os.close(descriptor)


def _bury(*_: object) -> None:
    """Take note of siblings that have ended, so that nothing is left of them, and their time is counted."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _end_with_siblings() -> None:
    """End at once, after those that this process became: to clear up a vocabulary would take a while."""
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    os._exit(0)


def _part(
    worker: PassJob | RangeJob, descriptor: int, wanted: Mapping[str, Any]
) -> tuple[dict[str, Any], bytes]:
    if isinstance(worker, RangeJob):
        try:
            return worker.range(descriptor, wanted)
        except TunedeckError as error:
            return {"error": [error.message, error.remedy]}, b""
    lines = list(lines_beginning_in(descriptor, wanted["start"], wanted["end"]))
    facts, payload = worker.part(lines, is_first=wanted["start"] == 0)
    return {**facts, "lines": len(lines)}, payload


def _answer(answers: BinaryIO, facts: dict[str, Any], payload: bytes) -> None:
    answers.write(json.dumps({**facts, "payload": len(payload)}).encode() + b"\n" + payload)
    answers.flush()


def lines_beginning_in(descriptor: int, start: int, end: int) -> Iterator[bytes]:
    """Yield the lines whose first byte lies in a range of the file, without their line ends."""
    begin = max(0, start - 1)
    block = read_at(descriptor, begin, end - begin)
    first = 0 if start == 0 else block.find(b"\n") + 1
    if (start > 0 and first == 0) or first >= len(block):
        return
    if not block.endswith(b"\n"):
        block += _rest_of_line(descriptor, end, MOST_LINE_BYTES)
    pieces = block[first:].split(b"\n")
    if not pieces[-1]:
        pieces.pop()
    for piece in pieces:
        yield piece.removesuffix(b"\r")


def _rest_of_line(descriptor: int, position: int, most: int) -> bytes:
    parts: list[bytes] = []
    length = 0
    while length < most:
        part = read_at(descriptor, position + length, _READ_ON)
        found = part.find(b"\n")
        if found >= 0 or not part:
            parts.append(part[: found if found >= 0 else 0])
            break
        parts.append(part)
        length += len(part)
    return b"".join(parts)
