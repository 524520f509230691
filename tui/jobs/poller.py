"""Follows the jobs of one account from a thread of its own, at a pace that suits the account.

A thread each, because a request may wait ten minutes for a service that hangs, which must cost no other
account a single look.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Set

from tui.errors import TunedeckError
from tui.jobs.changes import JobChange, Listeners
from tui.jobs.fetch import NOT_OFFERED, fetch_job
from tui.jobs.inventory import list_account_jobs
from tui.jobs.ports import JobServices
from tui.jobs.stopping import apply_stop_rules
from tui.jobs.unsettled import settle_launches
from tui.providers.account_limits import background_work
from tui.providers.protocol import Limit, ProviderError
from tui.records.jobs import Job
from tui.records.notices import NoticeEvent, Trouble

LOCAL = "local"
_LOCAL_WATCHED, _LOCAL_SECONDS = 1.0, 3.0
_REMOTE_WATCHED = 5.0
"""OpenAI's own examples poll every 5 to 15 seconds."""
_LONGEST_BACK_OFF, _LONGEST_LOCAL_BACK_OFF = 120.0, 10.0
_JITTER = 0.2
_DISCOVER_SECONDS = 60.0
_SHORTEST_WAIT, _LOOK_IN_SECONDS = 0.05, 0.2
_HISTORIES_PER_ROUND = 5
_REFUSED = (401, 402, 403)


class AccountPoller:
    """Looks at one account's jobs, one look at a time, by itself or when asked.

    Args:
        services: The store and the providers.
        account: Name of the account.
        listeners: Told of what is new.
        poll_seconds: Between looks at a remote job that no screen shows.
        may_discover: Whether the account may be asked for jobs made elsewhere.
        is_watched: Whether a screen shows one of its jobs.
    """

    def __init__(
        self,
        services: JobServices,
        account: str,
        listeners: Listeners,
        *,
        poll_seconds: float,
        may_discover: Callable[[], bool],
        is_watched: Callable[[], bool],
    ) -> None:
        self._services = services
        self.account = account
        self._listeners = listeners
        self._poll_seconds = poll_seconds
        self._may_discover = may_discover
        self._is_watched = is_watched
        self._next_at = 0.0
        """Seconds of the monotonic clock at which the next look is due."""
        self._rest_until = 0.0
        """Until then the service has asked to be left alone; nobody's impatience shortens that."""
        self._is_asked = False
        """Whether somebody wants a look at once; apart from the time, which a look under way sets anew."""
        self._is_discovery_asked = False
        self._failures = 0
        self._answered = 0
        """Jobs of the present look that their service has told of."""
        self._discover_at = 0.0
        self._looked_at: set[str] = set()
        self._troubled: set[str] = set()
        """Jobs whose last look failed: they come last, so that one of them holds up no other."""
        self._round = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, open_jobs: Set[str] = frozenset()) -> None:
        """Go on in the background, and look at once when one of `open_jobs` was never looked at."""
        if open_jobs - self._looked_at:
            self.wake()  # another process launched it
        if self._thread is None:
            # One of its own: a thread that was told to stop and still waits for an answer stays told.
            self._stopping = threading.Event()
            self._thread = threading.Thread(
                target=self._run, args=(self._stopping,), name=f"job-poller-{self.account}", daemon=True
            )
            self._thread.start()

    def end(self) -> threading.Thread | None:
        """Tell the thread to end, and return it; a request under way is not broken off."""
        thread, self._thread = self._thread, None
        self._stopping.set()
        self._wake.set()
        return thread

    def wake(self, *, discover: bool = False) -> None:
        """Look at once, and with `discover` for new jobs too; a service that wants rest gets it first."""
        self._is_asked = True
        if discover:
            self._is_discovery_asked = True
        self._wake.set()

    def look(self) -> list[JobChange]:
        """Look at every open job, whenever it is due, in the caller's thread; returns what changed."""
        with self._round:
            return self._look()

    def seconds_left(self) -> float:
        """Return the seconds until the account is asked again; 0 when that is due."""
        due = self._rest_until if self._is_asked else max(self._next_at, self._rest_until)
        return max(0.0, due - time.monotonic())

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            self._wake.clear()
            if not self.seconds_left() and self._take_round(stopping):
                try:
                    with background_work(stopping), contextlib.suppress(TunedeckError):
                        # A store that can't be read now (locked, full disk) is tried again at the next look.
                        self._look()
                finally:
                    self._round.release()
            if stopping.is_set():
                return  # without waiting for a wake that is meant for the thread after this one
            self._wake.wait(max(_SHORTEST_WAIT, self.seconds_left()))

    def _take_round(self, stopping: threading.Event) -> bool:
        """Wait for a look under way, which may be that of an earlier thread at a service that hangs."""
        while not stopping.is_set():
            if self._round.acquire(timeout=_LOOK_IN_SECONDS):
                return True
        return False

    def _look(self) -> list[JobChange]:
        changes: list[JobChange] = []
        jobs: list[Job] = []
        self._is_asked, self._answered = False, 0
        try:
            # Noted before the look, so that a service that is down is not asked beyond its pace.
            self._looked_at |= {job.id for job in self._open_jobs()}
            changes += self._discover()
            jobs = self._jobs_by_turn()
            for job in jobs:
                self._troubled.add(job.id)
                changes += self._look_at(job)
                self._troubled.discard(job.id)
                self._answered += 1
        except TunedeckError as error:
            return [*changes, self._failed(bool(jobs), error)]
        except Exception as error:  # a foreign answer that nobody foresaw must not end the watching
            told = TunedeckError(f"{self.account} could not be followed: {error!r}.", "Please report this.")
            return [*changes, self._failed(bool(jobs), told)]
        self._schedule(failed=False, has_jobs=bool(jobs))
        self._services.store.forget_notice(self.account, "", Trouble.REFUSED)
        self._listeners.tell_recovery(self.account)
        return changes

    def _failed(self, has_jobs: bool, problem: TunedeckError) -> JobChange:
        asked = problem.retry_after if isinstance(problem, ProviderError) else None
        if _needs_a_person(problem):
            with contextlib.suppress(TunedeckError):
                words = f"{problem.message} {problem.remedy}".strip()
                self._services.store.add_notice(
                    self.account, "", NoticeEvent.ATTENTION, Trouble.REFUSED, words
                )
        # A service that answers for other jobs is not down: they keep their pace.
        self._schedule(failed=not self._answered, has_jobs=has_jobs, at_least=asked or 0.0)
        change = JobChange(self.account, "", None, (), problem)
        self._listeners.tell_trouble(change)
        return change

    def _open_jobs(self) -> list[Job]:
        return [job for job in self._services.store.jobs_to_watch() if job.account == self.account]

    def _jobs_by_turn(self) -> list[Job]:
        """Running jobs first; of finished ones, whose history is fetched once, only a few at a time."""
        jobs = self._open_jobs()
        running = [job for job in jobs if not job.state.is_final]
        over = self._troubled_last([job for job in reversed(jobs) if job.state.is_final])
        return self._troubled_last(running + over[:_HISTORIES_PER_ROUND])

    def _troubled_last(self, jobs: list[Job]) -> list[Job]:
        return sorted(jobs, key=lambda job: job.id in self._troubled)

    def _look_at(self, job: Job) -> list[JobChange]:
        try:
            result = fetch_job(self._services.store, self._services.provider(self.account), job)
        except ProviderError as error:
            if error.retryable or not job.state.is_final:
                raise
            # Its history can't be had, now or later; what is known of it stays.
            self._services.store.mark_archived(self.account, job.id)
            return []
        action = apply_stop_rules(self._services, result.job)
        if not result.changed and not result.new_events and action is None:
            return []
        kept = self._services.store.job(self.account, job.id) if action is not None else result.job
        change = JobChange(self.account, job.id, kept, tuple(result.new_events), action=action)
        self._listeners.tell(change)
        return [change]

    def _discover(self) -> list[JobChange]:
        now = time.monotonic()
        if self._is_discovery_asked:
            self._is_discovery_asked, self._discover_at = False, 0.0
        if now < self._discover_at or not self._may_discover():
            return []
        changes = []
        watched = {job.id for job in self._open_jobs()}
        try:
            listed = list_account_jobs(self._services, self.account, 50)
        except ProviderError as error:
            if error.status not in NOT_OFFERED or not watched:
                raise
            # It speaks half the shape: its jobs are followed all the same.
            self._discover_at = now + _DISCOVER_SECONDS
            return []
        for job in listed:
            # Jobs that are being watched get their turn, in which events are kept before the state.
            if job.id not in watched and self._services.store.save_job(job):
                self._services.store.forget_notice(self.account, job.id, Trouble.GONE)
                changes.append(JobChange(self.account, job.id, job))
                self._listeners.tell(changes[-1])
        settle_launches(self._services, self.account)
        self._discover_at = now + _DISCOVER_SECONDS
        return changes

    def _schedule(self, *, failed: bool, has_jobs: bool, at_least: float = 0.0) -> None:
        self._failures = self._failures + 1 if failed else 0
        seconds = self._interval() if has_jobs else _DISCOVER_SECONDS
        if failed:
            longest = _LONGEST_LOCAL_BACK_OFF if self.account == LOCAL else _LONGEST_BACK_OFF
            seconds = min(longest, max(1.0, self._interval()) * 2 ** min(self._failures, 8))
        jitter = 1 + random.uniform(-_JITTER, _JITTER)
        now = time.monotonic()
        self._next_at, self._rest_until = now + seconds * jitter, now + at_least

    def _interval(self) -> float:
        if self.account == LOCAL:
            return _LOCAL_WATCHED if self._is_watched() else _LOCAL_SECONDS
        return _REMOTE_WATCHED if self._is_watched() else self._poll_seconds


def _needs_a_person(problem: TunedeckError) -> bool:
    """True when asking again changes nothing until somebody mends the key, its rights or the credit."""
    if not isinstance(problem, ProviderError) or problem.retryable:
        return False
    return problem.status in _REFUSED or problem.limit is Limit.MONEY
