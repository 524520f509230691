"""Sends queued launches when their time has come, beside the watching: a thread for each account."""

from __future__ import annotations

import contextlib
import threading
import time

from tui.errors import TunedeckError
from tui.jobs.changes import JobChange, Listeners
from tui.jobs.ports import JobServices
from tui.providers.account_limits import background_work


class QueueSender:
    """Threads that live as long as their account has launches to send.

    Args:
        services: The store and the providers.
        listeners: Told of the jobs, or why there is none.
    """

    def __init__(self, services: JobServices, listeners: Listeners) -> None:
        self._services = services
        self._listeners = listeners
        self._threads: dict[str, threading.Thread] = {}

    def begin(self, stopping: threading.Event) -> None:
        """Start sending what is due, if anything is; returns at once.

        Raises:
            StoreError: The store can't be read.
        """
        now = time.time()
        due = {one.record.account for one in self._services.store.queued_launches() if one.due_at <= now}
        for account in due:
            running = self._threads.get(account)
            if running is None or not running.is_alive():
                # A daemon: a launch that is killed on its way makes no second job at the next start.
                self._threads[account] = threading.Thread(
                    target=self._send, args=(account, stopping), name=f"queue-sender-{account}", daemon=True
                )
                self._threads[account].start()

    def threads(self) -> list[threading.Thread]:
        """Return those that are sending."""
        return [thread for thread in self._threads.values() if thread.is_alive()]

    def _send(self, account: str, stopping: threading.Event) -> None:
        from tui.jobs.queue import send_due  # brings the preflight along

        with background_work(stopping), contextlib.suppress(TunedeckError):
            for result in send_due(self._services, account=account):
                problem = result if isinstance(result, TunedeckError) else None
                job = None if isinstance(result, TunedeckError) else result
                change = JobChange(job.account if job else "queue", job.id if job else "", job, (), problem)
                self._listeners.tell(change)
