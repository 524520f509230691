"""News of the watcher, and who hears it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Set
from dataclasses import dataclass

from tui.errors import TunedeckError
from tui.records.jobs import Job, JobEvent
from tui.store.stop_queries import JobAction


@dataclass(frozen=True, slots=True)
class JobChange:
    """News about a job, already in the store when it is told.

    `job` is None, and `job_id` empty, when it is about the account: it could not be asked, and `problem` says
    why; or, without a `problem`, it answers again. A subscriber hears of a trouble once until it is over.
    """

    account: str
    job_id: str
    job: Job | None
    new_events: tuple[JobEvent, ...] = ()
    problem: TunedeckError | None = None
    action: JobAction | None = None
    """What a stop rule of the job just did."""


Subscriber = Callable[[JobChange], None]


class Listeners:
    """Those who hear changes; every account's poller tells them from its own thread."""

    def __init__(self) -> None:
        self._subscribers: dict[int, Subscriber] = {}
        self._know_trouble: dict[str, set[int]] = {}
        """Account that can't be asked -> subscribers that have been told so."""
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call `callback` with every change, in the thread that made it; the returned function ends that."""
        key = next(self._numbers)
        with self._lock:
            self._subscribers[key] = callback

        def unsubscribe() -> None:
            with self._lock:
                self._subscribers.pop(key, None)

        return unsubscribe

    def tell(self, change: JobChange, to: Set[int] | None = None) -> None:
        """Tell everybody, or only some; one who fails is told no more, and the others are."""
        with self._lock:
            subscribers = [pair for pair in self._subscribers.items() if to is None or pair[0] in to]
        for key, subscriber in subscribers:
            try:
                subscriber(change)
            except Exception:  # a screen that is gone must not end the watching for the others
                with self._lock:
                    self._subscribers.pop(key, None)

    def tell_trouble(self, change: JobChange) -> None:
        """Tell of an account that can't be asked, to those who don't know it."""
        with self._lock:
            knowing = self._know_trouble.setdefault(change.account, set())
            unaware = self._subscribers.keys() - knowing
            knowing |= unaware
        self.tell(change, unaware)

    def tell_recovery(self, account: str) -> None:
        """Tell those who were told of an account's trouble that it is over."""
        with self._lock:
            knowing = self._know_trouble.pop(account, set())
        self.tell(JobChange(account, "", None), knowing)
