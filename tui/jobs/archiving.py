"""Copies jobs out by itself when they have ended, beside the watching and one at a time."""

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
    """A thread that lives as long as there are ended jobs to copy.

    Args:
        services: The store and the providers.
    """

    def __init__(self, services: JobServices) -> None:
        self._services = services
        self._thread: threading.Thread | None = None

    def begin(self, stopping: threading.Event) -> None:
        """Start copying what is due, if anything is; returns at once."""
        if self._thread is not None and self._thread.is_alive():
            return
        if self._services.store.archives_due(int(time.time())):
            # A daemon: leaving the program must not wait for a large file; the next start goes on with it.
            self._thread = threading.Thread(
                target=archive_due, args=(self._services, stopping), name="job-archiver", daemon=True
            )
            self._thread.start()


def archive_due(services: JobServices, stopping: threading.Event) -> None:
    """Copy every job that is due, one after the other; failures are noted in the store and tried again."""
    with contextlib.suppress(TunedeckError):  # a store that is closed or can't be read: at the next start
        for note in services.store.archives_due(int(time.time())):
            if stopping.is_set():
                return
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
