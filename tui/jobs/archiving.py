"""Copies jobs out by itself when they have ended, beside the watching: one at a time of each account."""

from __future__ import annotations

import contextlib
import threading
import time

from tui.errors import TunedeckError
from tui.jobs.archive import archive_job
from tui.jobs.ports import JobServices
from tui.store.archive_queries import ArchiveNote

_LEASE_SECONDS = 900
"""After a copy that was killed, another process may go on with it then."""
_AGAIN_SECONDS = 300


class Archiver:
    """Threads that live as long as their account has ended jobs to copy.

    One for each account, since a large file from a slow service must hold up no other account's copies.

    Args:
        services: The store and the providers.
    """

    def __init__(self, services: JobServices) -> None:
        self._services = services
        self._threads: dict[str, threading.Thread] = {}

    def begin(self, stopping: threading.Event) -> None:
        """Start copying what is due, if anything is; returns at once.

        Raises:
            StoreError: The store can't be read.
        """
        for account in {note.account for note in self._services.store.archives_due(int(time.time()))}:
            running = self._threads.get(account)
            if running is None or not running.is_alive():
                # A daemon: leaving the program must not wait for a large file; the next start goes on.
                self._threads[account] = threading.Thread(
                    target=archive_due, args=(self._services, stopping, account),
                    name=f"job-archiver-{account}", daemon=True,
                )  # fmt: skip
                self._threads[account].start()


def archive_due(services: JobServices, stopping: threading.Event, account: str) -> None:
    """Copy every job of an account that is due, one after the other; failures are noted and tried again."""
    with contextlib.suppress(TunedeckError):  # a store that is closed or can't be read: at the next start
        for note in services.store.archives_due(int(time.time())):
            if stopping.is_set():
                return
            if note.account != account:
                continue
            if services.store.lease_archive(note, int(time.time()) + _LEASE_SECONDS):
                _try(services, note, stopping)


def _try(services: JobServices, note: ArchiveNote, stopping: threading.Event) -> None:
    job = services.store.job(note.account, note.job_id)
    if job is None:
        return
    try:
        archive_job(services, job)
    except TunedeckError as error:
        again = int(time.time()) + _AGAIN_SECONDS
        services.store.note_archive(ArchiveNote(note.account, note.job_id, note.folder, error.message, again))
    except RuntimeError:
        # The program is being left, and the connection was closed under the copy: the next start goes on.
        if not stopping.is_set():
            raise
