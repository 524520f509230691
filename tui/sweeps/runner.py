"""Runs a sweep: a round looks at what runs, tells, asks, decides and sends, and can be killed at any moment.

Everything is in the store before it is done, and each round begins with what the store says, so the next one,
of this process or of another, goes on where this one was. A lock lets one process at a time be at a sweep.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

from tui import paths
from tui.errors import TunedeckError
from tui.file_lock import FileLock
from tui.jobs.unsettled import settle_launches, settled_after
from tui.money.amounts import format_money
from tui.providers.protocol import ProviderError
from tui.records.sweeps import Sweep, SweepState, Trial, TrialState
from tui.store.database import StoreError
from tui.store.launch_rows import LaunchState
from tui.sweeps.book import Say, SweepBook
from tui.sweeps.following import Follower, stage_after
from tui.sweeps.planning import cap_of
from tui.sweeps.ports import SweepServices
from tui.sweeps.rungs import Verdict, verdicts
from tui.sweeps.sampling import Sampler, open_sampler
from tui.sweeps.sending import ROUNDING, NeedsAPerson, Sender, over_the_cap
from tui.sweeps.spending import Spending, Spent
from tui.sweeps.terms import RungsBy, Strategy

_SEARCH_DELAYS = (0.0, 1.0, 2.0, 4.0)
_ROUND_SECONDS = 1.0
_OPEN = (TrialState.PLANNED, TrialState.RUNNING)
_LOCK_ATTEMPTS, _LOCK_PAUSE_SECONDS = 8, 0.05
_STORE_ATTEMPTS, _STORE_PAUSE_SECONDS = 120, 5.0
_BY_A_PERSON = "Stopped by a person."


def runner_lock(sweep_id: str) -> FileLock:
    """Return the lock that whoever is at a sweep holds; the system releases it when they die."""
    return FileLock(paths.sweeps_dir() / sweep_id / "runner.lock")


def is_being_run(sweep_id: str) -> bool:
    """True while a process is at a sweep."""
    lock = runner_lock(sweep_id)
    try:
        if lock.acquire():
            lock.release()
            return False
    except OSError:
        return False
    return True


class SweepRunner:
    """One process's work at a sweep; `run` holds the lock, `step` is one round of it.

    Args:
        services: Store, catalog and providers.
        sweep_id: A sweep that a person agreed to.
        say: Told each line of the log.
        poll_seconds: Between looks at a job of a service; None takes the settings'.
        round_seconds: Between rounds; None takes a second.
        search_delays: As in `tui.jobs.launch.launch`.

    Raises:
        TunedeckError: There is no such sweep, or its search can't be had here.
    """

    def __init__(
        self,
        services: SweepServices,
        sweep_id: str,
        *,
        say: Say = lambda words: None,
        poll_seconds: float | None = None,
        round_seconds: float | None = None,
        search_delays: Sequence[float] = _SEARCH_DELAYS,
    ) -> None:
        self._services = services
        self._book = SweepBook(services, sweep_id, say)
        self._sampler: Sampler = open_sampler(self._book.terms, sweep_id)
        self._spending = Spending(services)
        self._sender = Sender(services, self._book, search_delays)
        self._follower = Follower(services, self._book, poll_seconds)
        self._round_seconds = _ROUND_SECONDS if round_seconds is None else round_seconds
        self._say = say
        self._cancelled: Callable[[], bool] = lambda: False
        self._all_asked = False
        self._why_no_more = ""
        """The cap that keeps further trials from beginning."""

    def run(self, cancelled: Callable[[], bool] = lambda: False) -> Sweep:
        """Go on until the sweep is over; returns it as it is then.

        Args:
            cancelled: True leaves the sweep as it is, to be gone on with later; its jobs go on.

        Raises:
            TunedeckError: Another process is at it, or the store can't be used.
        """
        lock = runner_lock(self._book.sweep.id)
        if not _taken(lock):
            raise TunedeckError(
                f"Another process is at the sweep {self._book.sweep.id} already.",
                "`tunedeck sweep show` shows how it stands.",
            )
        self._cancelled = cancelled
        try:
            self._services.store.begin_sweep(self._book.sweep.id)
            while not cancelled() and not self._round():
                time.sleep(self._round_seconds)
        finally:
            self._sampler.close()
            lock.release()
        self._book.read()
        return self._book.sweep

    def _round(self) -> bool:
        """Do one round; a store that can't be used now (locked, full disk) is tried again for a while."""
        for attempt in range(_STORE_ATTEMPTS):
            try:
                return self.step()
            except StoreError as error:
                if attempt == _STORE_ATTEMPTS - 1 or self._cancelled():
                    raise
                if not attempt:
                    self._say(f"{error.message} Trying again.")
                time.sleep(_STORE_PAUSE_SECONDS)
        return False

    def step(self) -> bool:
        """Do one round; True when the sweep is over.

        Raises:
            TunedeckError: The store can't be used.
        """
        book = self._book
        book.read()
        if book.sweep.is_stop_asked:
            return self._stop(_BY_A_PERSON)
        reason = self._cap_reached()
        if reason:
            return self._stop(reason)
        for trial in book.in_state(TrialState.RUNNING):
            self._follower.look(trial, self._left(), self._is_interrupted)
        self._sampler.tell(list(book.trials.values()), list(book.stages.values()))
        try:
            self._ask()
            self._decide()
            for trial in book.in_state(TrialState.PLANNED):
                if not self._cancelled() and self._fits(trial):
                    self._sender.send(trial, self._cap(), self._spending)
        except NeedsAPerson as error:
            return self._stop(f"{error.message} {error.remedy}".strip())
        return self._end_if_over()

    def _is_interrupted(self) -> bool:
        sweep = self._services.store.sweep(self._book.sweep.id)
        return self._cancelled() or sweep is None or sweep.is_stop_asked

    # Money and time

    def _spent(self) -> Spent:
        return self._spending.of(list(self._book.stages.values()))

    def _cap(self) -> Decimal | None:
        return cap_of(self._book.sweep, self._book.terms)

    def _left(self) -> Decimal | None:
        cap = self._cap()
        return None if cap is None else max(Decimal(0), cap - self._spent().committed)

    def _cap_reached(self) -> str:
        """Return which cap ends the sweep and everything of it that runs; empty while none does."""
        caps, sweep = self._book.terms.caps, self._book.sweep
        if caps.hours is not None and sweep.started_at is not None:
            passed = time.time() - sweep.started_at
            if passed >= caps.hours * 3600:
                return f"The time cap of {caps.hours:g} h was reached."
        cap, spent = self._cap(), self._spent().now
        if cap is not None and spent > cap + ROUNDING:
            currency = str(sweep.agreed.get("currency", "USD"))
            return (
                f"The money cap of {format_money(cap, currency)} was passed: "
                f"{format_money(spent, currency)} are spent."
            )
        return ""

    def _fits(self, trial: Trial) -> bool:
        """Say whether a trial's next launch stays under the cap; one that was sent counts already."""
        cap = self._cap()
        if cap is None or self._was_sent(trial):
            return True
        committed = self._spent().committed
        try:
            _, estimate, price = self._sender.price(trial)
            for other in self._book.in_state(TrialState.PLANNED):
                if other.number < trial.number and not self._was_sent(other):
                    committed += self._sender.price(other)[2] or Decimal(0)
        except TunedeckError:
            return True  # the sending tells what is wrong with it
        reason = over_the_cap(trial.number, price, committed, cap, estimate.currency)
        if reason and not self._why_no_more:
            self._why_no_more = reason
            self._book.note(f"No further trial begins. {reason}")
        return not reason

    def _was_sent(self, trial: Trial) -> bool:
        record = self._book.launch_of(trial)
        return record is not None and record.state not in (LaunchState.PREPARING, LaunchState.REFUSED)

    # Asking, deciding, sending

    def _ask(self) -> None:
        book, search = self._book, self._book.terms.search
        most = search.trials or (10**6 if search.strategy is Strategy.GRID else 1)
        while not self._all_asked and not self._why_no_more:
            if len(book.in_state(*_OPEN)) >= self._at_once():
                return
            number = max(book.trials, default=0) + 1
            settings = self._sampler.ask(number, list(book.trials.values())) if number <= most else None
            if settings is None:
                self._all_asked = True
                return
            trial = Trial(book.sweep.id, number, settings, asked_at=int(time.time()))
            if not self._fits(trial):
                return
            book.add(trial)

    def _at_once(self) -> int:
        return int(self._book.sweep.agreed.get("at_once") or self._book.terms.search.at_once or 1)

    def _decide(self) -> None:
        book, halving = self._book, self._book.terms.halving
        if halving is None:
            return
        no_more = self._all_asked or bool(self._why_no_more)
        for verdict in verdicts(
            halving, book.terms.objective, list(book.trials.values()), list(book.stages.values()),
            all_asked=no_more,
        ):  # fmt: skip
            self._carry_out(verdict)

    def _carry_out(self, verdict: Verdict) -> None:
        """Send on who won, and let go of who did not; who has been is passed over."""
        book, halving = self._book, self._book.terms.halving
        assert halving is not None
        for number in verdict.losers:
            trial = book.trials[number]
            if trial.state is TrialState.RESTING and trial.rung == verdict.rung:
                note = f"not among the best {len(verdict.winners)} at rung {verdict.rung + 1}"
                self._follower.cancel(trial, note, TrialState.PRUNED)
        for number in verdict.winners:
            trial = book.trials[number]
            if trial.state is not TrialState.RESTING or trial.rung != verdict.rung:
                continue
            if len(book.in_state(*_OPEN)) >= self._at_once():
                return
            stage = book.stage_of(trial)
            onward = replace(trial, rung=trial.rung + 1, state=TrialState.PLANNED)
            if not self._fits(onward):
                continue  # it rests, for a sweep that is resumed with another cap
            if halving.by is RungsBy.PAUSE and stage is not None:
                _, _, price = self._sender.price(onward)
                book.save_stage(stage_after(stage, None if price is None else float(price)))
                onward = replace(onward, state=TrialState.RUNNING)
            book.save(onward)
            book.note_once(number, f"goes on to rung {onward.rung + 1}")

    # Ending

    def _end_if_over(self) -> bool:
        book = self._book
        if book.in_state(TrialState.RUNNING) or not (self._all_asked or self._why_no_more):
            return False
        if self._why_no_more:
            if any(self._fits(trial) for trial in book.in_state(TrialState.PLANNED)):
                return False
            self._end(SweepState.STOPPED, self._why_no_more)
            return True
        if book.in_state(TrialState.PLANNED, TrialState.RESTING):
            return False
        done = len(book.in_state(TrialState.DONE))
        left = len(book.in_state(TrialState.PRUNED))
        behind = f", {left} were left behind at a rung" if left else ""
        self._end(SweepState.DONE, f"{done} of {len(book.trials)} trials came to their end{behind}.")
        return True

    def _end(self, state: SweepState, reason: str) -> None:
        self._services.store.end_sweep(self._book.sweep.id, state, reason)
        self._book.note(f"{state.capitalize()}: {reason}")

    def _stop(self, reason: str) -> bool:
        """Cancel everything under way; True once nothing is left that could still be cancelled."""
        book, waits = self._book, False
        for trial in book.in_state(*_OPEN):
            # What was never sent, and who rests at a rung, is left for a sweep that is resumed.
            has_job = book.job_of(trial) is not None
            if self._is_unsettled(trial) or (has_job and not self._follower.cancel(trial, _short(reason))):
                waits = True
        if waits:
            return False
        self._end(SweepState.STOPPED, reason)
        return True

    def _is_unsettled(self, trial: Trial) -> bool:
        """Say whether a trial's launch may have made a job that is not found yet; it would train unseen."""
        record = self._book.launch_of(trial)
        if record is None or record.state not in (LaunchState.CREATING, LaunchState.UNKNOWN):
            return False
        with suppress(ProviderError):
            settle_launches(self._services, record.account)
        record = self._book.launch_of(trial)
        if record is None or record.state not in (LaunchState.CREATING, LaunchState.UNKNOWN):
            return False
        # A list that does not reach back tells nothing, however long one waits: then a person settles it.
        return time.time() - record.created_at < 2 * settled_after(record.account)


def _taken(lock: FileLock) -> bool:
    """Take the lock; who only looks whether a sweep is being run holds it for an instant."""
    for attempt in range(_LOCK_ATTEMPTS):
        if lock.acquire():
            return True
        if attempt < _LOCK_ATTEMPTS - 1:
            time.sleep(_LOCK_PAUSE_SECONDS)
    return False


def _short(reason: str) -> str:
    sentence = reason.partition(". ")[0].rstrip(".")
    return sentence[:1].lower() + sentence[1:]
