"""Follows jobs in the background, an account a thread: what arrives is stored first, then shown."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

from tui.errors import TunedeckError
from tui.jobs.archiving import Archiver
from tui.jobs.changes import JobChange, Listeners, Subscriber
from tui.jobs.poller import AccountPoller
from tui.jobs.ports import JobServices
from tui.jobs.queue_sender import QueueSender

__all__ = ["JobChange", "JobWatcher", "Subscriber"]

_TEND_SECONDS = 5.0
"""How often jobs of other processes, accounts, the queue and copies are looked after."""


class JobWatcher:
    """Polls every job that is not over, politely, and fills gaps after a service or this program was away.

    Each account has a poller with a thread of its own, which begins with the account's first job, or when
    jobs made elsewhere may be looked for; so a service that hangs holds up no other.

    Args:
        services: The store and the providers.
        poll_seconds: Between looks at a remote job that no screen shows.
        may_discover: Whether an account may be asked for jobs made elsewhere; the local engine is not
            started for that.
        archives: Whether jobs are copied out when they have ended; see `tui.jobs.archive`.
    """

    def __init__(
        self,
        services: JobServices,
        *,
        poll_seconds: float = 15.0,
        may_discover: Callable[[str], bool] = lambda account: True,
        archives: bool = False,
    ) -> None:
        self._services = services
        self._poll_seconds = poll_seconds
        self._may_discover = may_discover
        self._archiver = Archiver(services) if archives else None
        self._listeners = Listeners()
        self._sender = QueueSender(services, self._listeners)
        self._pollers: dict[str, AccountPoller] = {}
        self._watched: dict[tuple[str, str], int] = {}
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin in the background; a second call changes nothing."""
        with self._lock:
            if self._thread is None:
                # One of its own: a thread that was told to stop and is still busy stays told.
                self._stopping = threading.Event()
                self._thread = threading.Thread(
                    target=self._run, args=(self._stopping,), name="job-watcher", daemon=True
                )
                self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End every thread; requests under way are given `timeout` seconds in all."""
        deadline = time.monotonic() + timeout
        with self._lock:
            thread, self._thread = self._thread, None
            self._stopping.set()
            ended = [thread, *(poller.end() for poller in self._pollers.values())]
        self._wake.set()
        for one in [*ended, *self._sender.threads()]:
            if one is not None and one is not threading.current_thread():
                one.join(max(0.0, deadline - time.monotonic()))

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call `callback` with every JobChange, in the account's thread; the returned function ends that.

        Accounts have threads of their own, so two calls may come at once.
        """
        return self._listeners.subscribe(callback)

    def watch_now(self, account: str, job_id: str) -> None:
        """A screen shows this job: look at once, and more often from now on. Pair with `unwatch`."""
        with self._lock:
            self._watched[account, job_id] = self._watched.get((account, job_id), 0) + 1
        self._poller(account).wake()
        self._wake.set()

    def unwatch(self, account: str, job_id: str) -> None:
        """The screen that showed this job is gone."""
        with self._lock:
            count = self._watched.pop((account, job_id), 0) - 1
            if count > 0:
                self._watched[account, job_id] = count

    def wake(self, account: str) -> None:
        """Look at this account's jobs at once, and for new ones (after a launch or a cancel)."""
        self._poller(account).wake(discover=True)
        self._wake.set()

    def poll_once(self) -> list[JobChange]:
        """Look at every open job once, whenever it is due, in the caller's thread; returns what changed.

        Raises:
            TunedeckError: The settings file declares a wrong account, or the store can't be read.
        """
        changes: list[JobChange] = []
        for account in self._services.accounts():
            if account.ready and not self._stopping.is_set():
                changes += self._poller(account.name).look()
        return changes

    def poll_together(self, seconds: float) -> list[JobChange]:
        """Look at every account once, at all of them at the same time; returns what changed within `seconds`.

        An account that has not answered by then comes as a problem; its look goes on, and what it finds is
        kept as long as this program runs.

        Raises:
            TunedeckError: The settings file declares a wrong account.
        """
        found: dict[str, list[JobChange]] = {}

        def look(poller: AccountPoller) -> None:
            with contextlib.suppress(TunedeckError):  # the store was closed before it had an answer
                found[poller.account] = poller.look()

        names = [account.name for account in self._services.accounts() if account.ready]
        threads = [
            threading.Thread(target=look, args=(self._poller(name),), name=f"job-look-{name}", daemon=True)
            for name in names
        ]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + seconds
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        changes: list[JobChange] = []
        for name in names:
            late = TunedeckError(f"{name} has not answered within {seconds:.0f} s; shown as last seen.", "")
            changes += found.get(name) or ([] if name in found else [JobChange(name, "", None, (), late)])
        return changes

    def next_look(self, account: str) -> float:
        """Return the seconds until an account is asked again; 0 when it is due."""
        return self._poller(account).seconds_left()

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            self._wake.clear()
            with contextlib.suppress(TunedeckError):
                # A store that can't be read now (locked, full disk) is tried again at the next round.
                self._tend_pollers(stopping)
                self._sender.begin(stopping)
                if self._archiver is not None:
                    self._archiver.begin(stopping)
            if stopping.is_set():
                return  # without waiting for a wake that is meant for the thread after this one
            self._wake.wait(_TEND_SECONDS)

    def _tend_pollers(self, stopping: threading.Event) -> None:
        """Begin the pollers that have something to do, and end those whose account is gone."""
        open_jobs: dict[str, set[str]] = {}
        for job in self._services.store.jobs_to_watch():
            open_jobs.setdefault(job.account, set()).add(job.id)
        wanted = {
            account.name
            for account in self._services.accounts()
            if account.ready and (account.name in open_jobs or self._may_discover(account.name))
        }
        with self._lock:
            if stopping.is_set():
                return  # `stop` has ended them, and must not be outrun
            for name in wanted:
                self._poller(name).begin(open_jobs.get(name, set()))
            for name, poller in self._pollers.items():
                if name not in wanted:
                    poller.end()

    def _poller(self, account: str) -> AccountPoller:
        with self._lock:
            if account not in self._pollers:
                self._pollers[account] = AccountPoller(
                    self._services, account, self._listeners, poll_seconds=self._poll_seconds,
                    may_discover=lambda: self._may_discover(account),
                    is_watched=lambda: self._is_watched(account),
                )  # fmt: skip
            return self._pollers[account]

    def _is_watched(self, account: str) -> bool:
        with self._lock:
            return any(name == account for name, _ in self._watched)
