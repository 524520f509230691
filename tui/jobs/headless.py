"""Follows jobs without a terminal, in a process and a session of its own, until they have ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tui import paths
from tui.errors import TunedeckError
from tui.jobs.notices.notifier import Notifier
from tui.jobs.ports import JobServices
from tui.jobs.stopping import action_words
from tui.jobs.watch import JobChange, JobWatcher
from tui.records.jobs import Job, JobState

_ARCHIVE_SECONDS = 3600.0
"""How long the copy of the last job may take before this process ends all the same."""
_NOTICE_SECONDS = 1500.0
"""How long the last message is waited for, with its later attempts, when its channel fails."""
_LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Detached:
    """A watch that goes on by itself."""

    pid: int
    log: Path


def start_headless(arguments: Sequence[str]) -> Detached:
    """Start `tunedeck watch --own-session` with `arguments`; it outlives this terminal and its hang-up.

    Raises:
        TunedeckError: Its log can't be written.
    """
    return start_detached(["watch", "--own-session", *arguments], paths.data_dir() / "watch")


def start_detached(arguments: Sequence[str], folder: Path) -> Detached:
    """Start `tunedeck` with `arguments` in a session of its own, and what it prints in a log.

    Args:
        arguments: A verb and what follows it.
        folder: Where its log is written.

    Raises:
        TunedeckError: The log can't be written.
    """
    log = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    try:
        paths.make_private(folder)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise TunedeckError(f"{log} can't be written: {error.strerror or error}.", "") from None
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", "tui", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            env=_environment(),
        )
    finally:
        os.close(descriptor)
    return Detached(child.pid, log)


def _environment() -> dict[str, str]:
    """Return this process's, with where it found the program, and output that is written at once."""
    root = str(Path(__file__).parents[2])
    known = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, (root, known))),
    }


def ignore_hang_up() -> None:
    """Let a terminal that goes away end nothing here; a request to end (TERM) still does."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def watch_all(
    services: JobServices, watcher: JobWatcher, jobs: Sequence[Job], say: Callable[[str], None]
) -> list[Job]:
    """Follow jobs until all have ended or been paused and are copied; returns them as they are then.

    Args:
        services: The store and the providers.
        watcher: Not started yet; it is started, and stopped at the end.
        jobs: What to wait for; empty waits for every job that is open now or later.
        say: Told a line for everything that happens, from other threads too.
    """
    news = threading.Event()
    # Bell and escape sequences are left to a program that has a terminal.
    notifier = Notifier(services, None, lambda words: say(_stamped(f"not told: {words}")))

    def heard(change: JobChange) -> None:
        for line in lines_of(change):
            say(line)
        news.set()
        notifier.wake()

    unsubscribe = watcher.subscribe(heard)
    for job in jobs:
        watcher.watch_now(job.account, job.id)
    watcher.start()
    notifier.start()
    try:
        while not all_over(services, jobs):
            news.wait(_LOOK_SECONDS)
            news.clear()
        if services.settings.archive_jobs:  # else nobody makes the copies that it would wait for
            _wait_for_copies(services, jobs)
        notifier.finish(_NOTICE_SECONDS, with_retries=True)
    finally:
        unsubscribe()
        watcher.stop()
        notifier.stop()
    kept = [services.store.job(job.account, job.id) for job in jobs]
    return [job for job in kept if job is not None]


def all_over(services: JobServices, jobs: Sequence[Job]) -> bool:
    """True when everything about each of the jobs is kept, or it waits for a person."""
    open_jobs = {
        (job.account, job.id) for job in services.store.jobs_to_watch() if job.state is not JobState.PAUSED
    }
    return not (open_jobs & {(job.account, job.id) for job in jobs} if jobs else open_jobs)


def _wait_for_copies(services: JobServices, jobs: Sequence[Job]) -> None:
    """Give copies that are due, or being made, the time to end; one that failed is left for later."""
    deadline = time.monotonic() + _ARCHIVE_SECONDS
    while time.monotonic() < deadline:
        notes = [services.store.archive_note(job.account, job.id) for job in jobs]
        if not any(note is not None and note.due_at is not None and not note.problem for note in notes):
            return
        time.sleep(0.2)


def lines_of(change: JobChange) -> list[str]:
    """Return what happened, a line each."""
    name = change.job_id or change.account
    lines = [f"{event.level}: {event.message}" for event in change.new_events]
    if change.action is not None:
        lines.append(action_words(change.action))
    if change.problem is not None:
        lines.append(f"can't be asked: {change.problem.message}")
    elif change.job is None:
        lines.append("answers")
    elif change.job.state.is_final:
        lines.append(f"ended: {change.job.state}")
    return [_stamped(f"{name} {line}") for line in lines]


def _stamped(line: str) -> str:
    return f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}"
