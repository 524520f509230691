"""One question asked of every line of a file, in processes of their own, answered part by part in file order.

A thread would hold the interpreter's lock for whole regular expressions and parsed rows, and the person would
feel it with every key. A process can also be ended: a pattern that never finishes takes nothing along.
"""

from __future__ import annotations

import os
import queue
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.datasets.files import FileState, open_file, written_error
from tui.datasets.row_pass_children import TICK_SECONDS, Children
from tui.datasets.row_pass_process import Job, Request
from tui.errors import TunedeckError

PART_BYTES = 4 << 20
_MOST_PROCESSES = 8


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
    size = before.size
    parts = [{"start": start, "end": min(size, start + PART_BYTES)} for start in range(0, size, PART_BYTES)]
    yield from ask_parts(
        path,
        job,
        parts,
        processes=min(processes or process_count(), len(parts)),
        on_progress=(lambda done: on_progress(done, size)) if on_progress else None,
        cancelled=cancelled,
        seconds_for_part=seconds_for_part,
        too_slow=too_slow,
    )
    check_only_grown(path, before)


def process_count() -> int:
    """Return how many children a pass over a large file has."""
    return max(1, min(_MOST_PROCESSES, os.cpu_count() or 1))


def ask_parts(
    path: Path,
    job: Job,
    requests: Iterable[Request],
    *,
    processes: int,
    complete: Callable[[Request], Request] = lambda request: request,
    on_progress: Callable[[int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    seconds_for_part: float | None = None,
    too_slow: TunedeckError | None = None,
) -> Generator[PartAnswer, None, None]:
    """Yield the answers to requests in their order.

    Args:
        path: The file.
        job: What to do; see `tui.datasets.row_pass_child`.
        requests: The parts in order, each with "start" and "end" in bytes; taken by a thread.
        processes: How many children.
        complete: Adds to a request what is known only when a child is asked.
        on_progress: Called with the bytes done after each part.
        cancelled: As `ask_every_line`, and so are the others.

    Raises:
        TunedeckError: As `ask_every_line`.
        PassCancelled: `cancelled` returned True.
    """
    try:
        work = Children(path, job, requests, processes, complete)
    except OSError as error:
        raise TunedeckError(
            f"A process that reads {path} could not be started: {error}.", "Free some memory and try again."
        ) from error
    is_done = False
    try:
        first_line = 1
        for request, facts, payload in _in_order(work, cancelled, seconds_for_part, too_slow, str(path)):
            work.taken()
            yield PartAnswer(first_line, facts["lines"], facts, payload)
            first_line += facts["lines"]
            if on_progress:
                on_progress(request["end"])
        is_done = True
    finally:
        work.end(is_done=is_done)


def _in_order(
    work: Children,
    cancelled: Callable[[], bool],
    seconds: float | None,
    too_slow: TunedeckError | None,
    name: str,
) -> Iterator[tuple[Request, dict[str, Any], bytes]]:
    early: dict[int, tuple[Request, dict[str, Any], bytes]] = {}
    wanted = 0
    while work.total is None or wanted < work.total:
        if cancelled():
            raise PassCancelled
        if wanted in early:
            yield early.pop(wanted)
            wanted += 1
            continue
        if seconds is not None and work.stuck(seconds) is not None:
            raise too_slow or TunedeckError(f"{name} takes too long to read.")
        try:
            answer = work.answers.get(timeout=TICK_SECONDS)
        except queue.Empty:
            continue
        if isinstance(answer, TunedeckError):
            raise answer
        if isinstance(answer, BaseException):
            raise TunedeckError(
                f"Reading {name} stopped: {answer}.", "Try again; if it happens again, free some memory."
            ) from answer
        part, request, facts, payload = answer
        if "error" in facts:
            raise TunedeckError(*facts["error"])
        early[part] = request, facts, payload


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
