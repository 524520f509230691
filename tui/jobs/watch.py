"""Follows jobs from one background thread: what arrives is stored first, then shown to whoever subscribed."""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time
from collections.abc import Callable, Set
from dataclasses import dataclass

from tui.errors import TunedeckError
from tui.jobs.archiving import Archiver
from tui.jobs.fetch import fetch_job
from tui.jobs.ports import JobServices
from tui.jobs.stopping import apply_stop_rules
from tui.jobs.unsettled import settle_launches
from tui.providers.account_limits import background_work
from tui.providers.protocol import Limit, ProviderError
from tui.records.jobs import Job, JobEvent
from tui.records.notices import NoticeEvent, Trouble
from tui.store.stop_queries import JobAction

LOCAL = "local"
_LOCAL_WATCHED, _LOCAL_SECONDS = 1.0, 3.0
_REMOTE_WATCHED = 5.0
"""OpenAI's own examples poll every 5 to 15 seconds."""
_LONGEST_BACK_OFF, _LONGEST_LOCAL_BACK_OFF = 120.0, 10.0
_JITTER = 0.2
_DISCOVER_SECONDS = 60.0
_IDLE_SECONDS = 5.0
_HISTORIES_PER_ROUND = 5
_REFUSED = (401, 402, 403)


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


@dataclass(slots=True)
class _Pace:
    next_at: float = 0.0
    failures: int = 0


Subscriber = Callable[[JobChange], None]


class JobWatcher:
    """Polls every job that is not over, politely, and fills gaps after a service or this program was away.

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
        self._subscribers: dict[int, Subscriber] = {}
        self._know_trouble: dict[str, set[int]] = {}
        """Account that can't be asked -> subscribers that have been told so."""
        self._numbers = itertools.count()
        self._watched: dict[tuple[str, str], int] = {}
        self._paces: dict[str, _Pace] = {}
        self._discovered_at: dict[str, float] = {}
        self._looked_at: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self._round = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin in the background; a second call changes nothing."""
        with self._lock:
            if self._thread is None:
                # One of its own: a thread that was told to stop and still waits for an answer stays told.
                self._stopping = threading.Event()
                self._thread = threading.Thread(
                    target=self._run, args=(self._stopping,), name="job-watcher", daemon=True
                )
                self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End the thread; a request under way is given `timeout` seconds."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._stopping.set()
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call `callback` with every JobChange, in the watcher's thread; the returned function ends that."""
        key = next(self._numbers)
        with self._lock:
            self._subscribers[key] = callback

        def unsubscribe() -> None:
            with self._lock:
                self._subscribers.pop(key, None)

        return unsubscribe

    def watch_now(self, account: str, job_id: str) -> None:
        """A screen shows this job: look at once, and more often from now on. Pair with `unwatch`."""
        with self._lock:
            self._watched[account, job_id] = self._watched.get((account, job_id), 0) + 1
            self._paces.pop(account, None)
        self._wake.set()

    def unwatch(self, account: str, job_id: str) -> None:
        """The screen that showed this job is gone."""
        with self._lock:
            count = self._watched.pop((account, job_id), 0) - 1
            if count > 0:
                self._watched[account, job_id] = count

    def wake(self, account: str) -> None:
        """Look at this account's jobs at once, and for new ones (after a launch or a cancel)."""
        with self._lock:
            self._paces.pop(account, None)
            self._discovered_at.pop(account, None)
        self._wake.set()

    def poll_once(self) -> list[JobChange]:
        """Look at every open job once, whenever it is due, in the caller's thread; returns what changed."""
        with self._round:
            return self._poll(self._stopping, everything=True)

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            self._wake.clear()
            with self._round, background_work(stopping), contextlib.suppress(TunedeckError):
                # A store that can't be read now (locked, full disk) is tried again at the next round.
                self._poll(stopping, everything=False)
                self._send_queued()
                if self._archiver is not None:
                    self._archiver.begin(stopping)
            if stopping.is_set():
                return  # without waiting for a wake that is meant for the thread after this one
            self._wake.wait(self._sleep_seconds())

    def _send_queued(self) -> None:
        """Send launches that waited for a limit: the open app does, a look by hand does not."""
        queued = self._services.store.queued_launches()
        if not queued or queued[0].due_at > time.time():
            return
        from tui.jobs.queue import send_due  # brings the preflight along

        for result in send_due(self._services):
            problem = result if isinstance(result, TunedeckError) else None
            job = None if isinstance(result, TunedeckError) else result
            self._tell(JobChange(job.account if job else "queue", job.id if job else "", job, (), problem))

    def _poll(self, stopping: threading.Event, *, everything: bool) -> list[JobChange]:
        changes: list[JobChange] = []
        open_jobs = self._services.store.jobs_to_watch()
        for account in self._services.accounts():
            if stopping.is_set():
                break
            if account.ready and (everything or self._is_due(account.name, open_jobs)):
                # Noted before the look, so that a service that is down is not asked beyond its pace.
                self._looked_at |= {(job.account, job.id) for job in open_jobs if job.account == account.name}
                changes += self._poll_account(account.name)
        return changes

    def _poll_account(self, account: str) -> list[JobChange]:
        changes: list[JobChange] = []
        jobs: list[Job] = []
        try:
            changes += self._discover(account)
            jobs = self._jobs_of(account)
            for job in jobs:
                changes += self._look_at(account, job)
        except TunedeckError as error:
            return [*changes, self._failed(account, bool(jobs), error)]
        except Exception as error:  # a foreign answer that nobody foresaw must not end the watching
            told = TunedeckError(f"{account} could not be followed: {error!r}.", "Please report this.")
            return [*changes, self._failed(account, bool(jobs), told)]
        self._schedule(account, failed=False, has_jobs=bool(jobs))
        self._recovered(account)
        return changes

    def _failed(self, account: str, has_jobs: bool, problem: TunedeckError) -> JobChange:
        asked = problem.retry_after if isinstance(problem, ProviderError) else None
        if _needs_a_person(problem):
            with contextlib.suppress(TunedeckError):
                words = f"{problem.message} {problem.remedy}".strip()
                self._services.store.add_notice(account, "", NoticeEvent.ATTENTION, Trouble.REFUSED, words)
        self._schedule(account, failed=True, has_jobs=has_jobs, at_least=asked or 0.0)
        change = JobChange(account, "", None, (), problem)
        with self._lock:
            knowing = self._know_trouble.setdefault(account, set())
            unaware = self._subscribers.keys() - knowing
            knowing |= unaware
        self._tell(change, unaware)
        return change

    def _recovered(self, account: str) -> None:
        self._services.store.forget_notice(account, "", Trouble.REFUSED)
        with self._lock:
            knowing = self._know_trouble.pop(account, set())
        self._tell(JobChange(account, "", None), knowing)

    def _jobs_of(self, account: str) -> list[Job]:
        """Running jobs first; of finished ones, whose history is fetched once, only a few at a time."""
        jobs = [job for job in self._services.store.jobs_to_watch() if job.account == account]
        over = [job for job in reversed(jobs) if job.state.is_final]
        return [job for job in jobs if not job.state.is_final] + over[:_HISTORIES_PER_ROUND]

    def _look_at(self, account: str, job: Job) -> list[JobChange]:
        try:
            result = fetch_job(self._services.store, self._services.provider(account), job)
        except ProviderError as error:
            if error.retryable or not job.state.is_final:
                raise
            # Its history can't be had, now or later; what is known of it stays.
            self._services.store.mark_archived(account, job.id)
            return []
        action = apply_stop_rules(self._services, result.job)
        if not result.changed and not result.new_events and action is None:
            return []
        kept = self._services.store.job(account, job.id) if action is not None else result.job
        change = JobChange(account, job.id, kept, tuple(result.new_events), action=action)
        self._tell(change)
        return [change]

    def _discover(self, account: str) -> list[JobChange]:
        now = time.monotonic()
        if now < self._discovered_at.get(account, 0.0) or not self._may_discover(account):
            return []
        changes = []
        watched = {job.id for job in self._services.store.jobs_to_watch() if job.account == account}
        for job in self._services.provider(account).list_jobs(limit=50):
            # Jobs that are being watched get their turn, in which events are kept before the state.
            if job.id not in watched and self._services.store.save_job(job):
                changes.append(JobChange(account, job.id, job))
                self._tell(changes[-1])
        settle_launches(self._services, account)
        self._discovered_at[account] = now + _DISCOVER_SECONDS
        return changes

    def _tell(self, change: JobChange, to: Set[int] | None = None) -> None:
        with self._lock:
            subscribers = [pair for pair in self._subscribers.items() if to is None or pair[0] in to]
        for key, subscriber in subscribers:
            try:
                subscriber(change)
            except Exception:  # a screen that is gone must not end the watching for the others
                with self._lock:
                    self._subscribers.pop(key, None)

    def _is_due(self, account: str, open_jobs: list[Job]) -> bool:
        if any(job.account == account and (account, job.id) not in self._looked_at for job in open_jobs):
            return True  # another process launched it
        with self._lock:
            return time.monotonic() >= self._paces.setdefault(account, _Pace()).next_at

    def _schedule(self, account: str, *, failed: bool, has_jobs: bool, at_least: float = 0.0) -> None:
        with self._lock:
            pace = self._paces.setdefault(account, _Pace())
            pace.failures = pace.failures + 1 if failed else 0
            watched = any(name == account for name, _ in self._watched)
            seconds = self._interval(account, watched) if has_jobs else _DISCOVER_SECONDS
            if failed:
                longest = _LONGEST_LOCAL_BACK_OFF if account == LOCAL else _LONGEST_BACK_OFF
                seconds = min(
                    longest, max(1.0, self._interval(account, watched)) * 2 ** min(pace.failures, 8)
                )
            jitter = 1 + random.uniform(-_JITTER, _JITTER)
            pace.next_at = time.monotonic() + max(at_least, seconds * jitter)

    def _interval(self, account: str, watched: bool) -> float:
        if account == LOCAL:
            return _LOCAL_WATCHED if watched else _LOCAL_SECONDS
        return _REMOTE_WATCHED if watched else self._poll_seconds

    def _sleep_seconds(self) -> float:
        with self._lock:
            soonest = min((pace.next_at for pace in self._paces.values()), default=0.0)
        return min(_IDLE_SECONDS, max(0.05, soonest - time.monotonic()))


def _needs_a_person(problem: TunedeckError) -> bool:
    """True when asking again changes nothing until somebody mends the key, its rights or the credit."""
    if not isinstance(problem, ProviderError) or problem.retryable:
        return False
    return problem.status in _REFUSED or problem.limit is Limit.MONEY
