"""Follows the jobs of a sweep's trials: asks their services, measures what has ended, pauses at rungs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from tui.errors import TunedeckError
from tui.jobs.control import Control, control_job
from tui.jobs.fetch import GONE_STATUS, fetch_job
from tui.jobs.metrics import progress_from
from tui.jobs.stopping import apply_stop_rules
from tui.providers.profile_data import LOCAL_NAME
from tui.providers.protocol import ProviderError
from tui.records.jobs import Job, JobState
from tui.records.models import Capability
from tui.records.sweeps import Stage, Trial, TrialState
from tui.sweeps.book import SweepBook
from tui.sweeps.measuring import Measured, measure_answers, measure_job
from tui.sweeps.ports import SweepServices
from tui.sweeps.terms import RungsBy

_LOCAL_SECONDS, _FAILURES_FORGIVEN = 1.0, 5


class Follower:
    """Looks at trials that run.

    Args:
        services: Store and providers.
        book: The sweep.
        poll_seconds: Between looks at a job of a service; None takes the settings'.
    """

    def __init__(self, services: SweepServices, book: SweepBook, poll_seconds: float | None) -> None:
        self._services = services
        self._book = book
        self._poll_seconds = poll_seconds
        self._due: dict[int, float] = {}
        self._failures: dict[int, int] = {}

    def look(self, trial: Trial, left: Decimal | None, cancelled: Callable[[], bool]) -> None:
        """Ask for a trial's job when that is due, and take note of what has become of it.

        Args:
            trial: One that runs.
            left: What an evaluation may cost at most.
            cancelled: True breaks an evaluation off.
        """
        job = self._book.job_of(trial)
        if job is None:
            self._book.save(replace(trial, state=TrialState.PLANNED))  # nothing was created after all
            return
        if time.monotonic() < self._due.get(trial.number, 0.0):
            return
        try:
            job = self._fetch(job)
        except ProviderError:
            self._wait(trial, job)
            return  # the next look fills the gap
        self._wait(trial, job)
        match job.state:
            case JobState.SUCCEEDED:
                self._measure(trial, job, left, cancelled)
            case JobState.FAILED:
                self._book.end(trial, TrialState.FAILED, _why(job))
            case JobState.CANCELLED:
                self._book.end(trial, TrialState.CANCELLED, "its job was cancelled")
            case _ if job.raw_status == GONE_STATUS:
                self._book.end(trial, TrialState.FAILED, "its service knows no such job any more")
            case _ if self._pauses:
                self._look_at_rung(trial, job)

    def cancel(self, trial: Trial, note: str, state: TrialState = TrialState.CANCELLED) -> bool:
        """Cancel what a trial has under way and keep that it is over; False when it has to be tried again."""
        job = self._book.job_of(trial)
        if job is not None and not job.state.is_final and job.raw_status != GONE_STATUS:
            permission = self._services.provider(job.account).can(Capability.CANCEL)
            if permission:
                try:
                    control_job(self._services, self._fetch(job), Control.CANCEL)
                except ProviderError as error:
                    if error.retryable or error.status is None:
                        return False
                    note = f"{note}; the service would not cancel it: {error.message}"
                except TunedeckError:
                    pass  # it is over already
            else:
                note = f"{note}; it goes on: {permission.reason}"
        self._book.end(trial, state, note)
        return True

    @property
    def _pauses(self) -> bool:
        halving = self._book.terms.halving
        return halving is not None and halving.by is RungsBy.PAUSE

    def _fetch(self, job: Job) -> Job:
        result = fetch_job(self._services.store, self._services.provider(job.account), job)
        if apply_stop_rules(self._services, result.job) is not None:
            return self._services.store.job(job.account, job.id) or result.job
        return result.job

    def _wait(self, trial: Trial, job: Job) -> None:
        usual = self._services.settings.poll_seconds
        remote = usual if self._poll_seconds is None else self._poll_seconds
        seconds = min(_LOCAL_SECONDS, remote) if job.account == LOCAL_NAME else remote
        self._due[trial.number] = time.monotonic() + seconds

    def _measure(self, trial: Trial, job: Job, left: Decimal | None, cancelled: Callable[[], bool]) -> None:
        objective = self._book.terms.objective
        if self._pauses:
            self._take_rungs(trial, job)
            return
        if not objective.is_score:
            self._take(trial, measure_job(self._services, job, objective))
            return
        try:
            found = measure_answers(self._services, job, objective, max_cost=left, cancelled=cancelled)
        except ProviderError as error:
            count = self._failures[trial.number] = self._failures.get(trial.number, 0) + 1
            if count <= _FAILURES_FORGIVEN and (error.retryable or error.status is None):
                self._book.note_once(trial.number, f"not scored yet: {error.message}")
                return
            found = Measured(None, f"its model can't be scored: {error.message}")
        except TunedeckError as error:
            found = Measured(None, f"its model can't be scored: {error.message}")
        if found.is_complete or not cancelled():
            self._take(trial, found)

    def _take(self, trial: Trial, found: Measured) -> None:
        stage = self._book.stage_of(trial)
        if stage is not None:
            self._book.save_stage(replace(stage, value=found.value, answers_cost=found.answers_cost))
        if found.value is None or not math.isfinite(found.value):
            self._book.end(trial, TrialState.FAILED, found.problem or "its value is no number")
            return
        halving = self._book.terms.halving
        is_last = halving is None or trial.rung == len(halving.rungs) - 1
        name = self._book.terms.objective.words
        self._book.note_once(trial.number, f"{name}: {found.value:.4g}")
        if is_last:
            self._book.end(replace(trial, value=found.value), TrialState.DONE)
        else:
            self._book.save(replace(trial, value=found.value, state=TrialState.RESTING))

    # Rungs of one job that is paused

    def _look_at_rung(self, trial: Trial, job: Job) -> None:
        halving = self._book.terms.halving
        assert halving is not None
        end = self._end_of_rung(trial, job)
        progress = progress_from(self._services.store.events(job.account, job.id))
        if end is None or progress is None:
            return
        there = progress.step >= end
        if there and trial.rung < len(halving.rungs) - 1:
            if job.state not in (JobState.PAUSED, JobState.STOPPING):
                self._control(job, Control.PAUSE)
                return  # its last numbers are still to come
            if job.state is JobState.PAUSED:
                self._take(trial, measure_job(self._services, job, self._book.terms.objective, end))
        elif job.state is JobState.PAUSED and not there:
            self._control(job, Control.RESUME)

    def _control(self, job: Job, control: Control) -> None:
        try:
            control_job(self._services, job, control)
        except TunedeckError:
            return  # the next look tries again

    def _end_of_rung(self, trial: Trial, job: Job) -> int | None:
        halving = self._book.terms.halving
        progress = progress_from(self._services.store.events(job.account, job.id))
        if halving is None or progress is None or not progress.total_steps:
            return None
        return math.ceil(progress.total_steps * halving.rungs[trial.rung] / halving.rungs[-1])

    def _take_rungs(self, trial: Trial, job: Job) -> None:
        """Measure a job that has ended at the rung where its trial stands, as if it had been paused there."""
        halving = self._book.terms.halving
        assert halving is not None
        is_last = trial.rung == len(halving.rungs) - 1
        up_to = None if is_last else self._end_of_rung(trial, job)
        self._take(trial, measure_job(self._services, job, self._book.terms.objective, up_to))


def _why(job: Job) -> str:
    return job.error.message if job.error is not None and job.error.message else "its job failed"


def stage_after(stage: Stage, price: float | None) -> Stage:
    """Return the next rung of a job that is paused."""
    return replace(stage, rung=stage.rung + 1, value=None, answers_cost=0.0, price=price)
