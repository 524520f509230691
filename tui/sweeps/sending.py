"""Creates the jobs of trials that are planned: once each, at the agreed price, however often it is tried."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from tui.errors import TunedeckError
from tui.jobs.launch import LaunchUncertain, launch
from tui.jobs.plan import LaunchPlan
from tui.jobs.queue import LaunchQueued
from tui.jobs.reports import file_sha256
from tui.jobs.unsettled import LaunchHeldUp, settle_launches
from tui.money.amounts import format_money
from tui.money.estimate import Estimate
from tui.providers.protocol import Limit, ProviderError
from tui.records.jobs import Job
from tui.records.sweeps import Stage, Trial, TrialState
from tui.store.launch_rows import LaunchState
from tui.sweeps.book import SweepBook
from tui.sweeps.ports import SweepServices
from tui.sweeps.pricing import Estimates, cost_of, rung_share, unit_prices
from tui.sweeps.spending import Spending
from tui.sweeps.terms import RungsBy
from tui.sweeps.trial_plan import plan_of_trial

_AGAIN_SECONDS, _LONGEST_AGAIN = 5.0, 300.0
ROUNDING = Decimal("0.000001")
"""Money that was added up in another order may differ by so much."""
_UNSURE = (LaunchState.CREATING, LaunchState.UNKNOWN)
_NEEDS_A_PERSON = (401, 402, 403)
_REFUSED_IN_A_ROW = 3
"""Launches that are refused for good, one after the other, before the sweep is stopped."""


class NeedsAPerson(TunedeckError):
    """Something that no further trial would get past: the sweep stops and says why."""


class Sender:
    """Launches trials.

    Args:
        services: Store, catalog and providers.
        book: The sweep.
        search_delays: As in `tui.jobs.launch.launch`.
    """

    def __init__(self, services: SweepServices, book: SweepBook, search_delays: Sequence[float]) -> None:
        self._services = services
        self._book = book
        self._delays = search_delays
        self._estimates = Estimates(services)
        self._not_before: dict[int, float] = {}
        self._failures: dict[int, int] = {}
        self._refused = 0

    def plan(self, trial: Trial) -> LaunchPlan:
        """Return the launch of a trial at its rung.

        Raises:
            TunedeckError: The rung before made no model that could be continued.
        """
        book, model = self._book, None
        halving = book.terms.halving
        if halving is not None and halving.by is RungsBy.CONTINUE and trial.rung:
            job = book.job_of(trial, trial.rung - 1)
            model = job.fine_tuned_model if job is not None else None
            if model is None:
                raise TunedeckError("the rung before has made no model that could be trained on", "")
        return plan_of_trial(
            self._services, book.terms, trial.settings, sweep_id=book.sweep.id, number=trial.number,
            rung=trial.rung, model=model, files=book.sweep.agreed.get("files", {}),
        )  # fmt: skip

    def price(self, trial: Trial) -> tuple[LaunchPlan, Estimate, Decimal | None]:
        """Return a trial's launch, its estimate, and what its rung costs at most; None where nobody knows.

        Raises:
            TunedeckError: The file can't be read, or the model is not known any more.
        """
        plan = self.plan(trial)
        estimate = self._estimates.of(plan)
        halving = self._book.terms.halving
        share = 1.0 if halving is None else rung_share(halving, trial.rung)
        cost = cost_of(self._services, plan, estimate, share)
        return plan, estimate, None if cost.money is None else cost.money.high

    def send(self, trial: Trial, cap: Decimal | None, spending: Spending) -> None:
        """Create a trial's job, or find the one that it made; what can't be done now is tried again later.

        Raises:
            NeedsAPerson: No trial would get past what happened.
        """
        if time.monotonic() < self._not_before.get(trial.number, 0.0):
            return
        try:
            plan, estimate, price = self.price(trial)
            self._refuse_changes(plan, estimate)
        except NeedsAPerson:
            raise
        except TunedeckError as error:
            self._fail(trial, error)
            return
        stage = Stage(
            self._book.sweep.id, trial.number, trial.rung, plan.run_id, plan.account,
            None if price is None else float(price), estimate.currency,
        )  # fmt: skip
        if self._book.stage_of(trial) is None:
            self._book.save_stage(stage)  # before anything is sent: the money counts from here on
        self._launch(trial, plan, estimate, cap, spending)

    def _launch(
        self, trial: Trial, plan: LaunchPlan, estimate: Estimate, cap: Decimal | None, spending: Spending
    ) -> None:
        self._drop_from_queue(plan.run_id)
        record = self._services.store.launch(plan.run_id)

        def fits(told: Decimal | None) -> bool:
            if cap is None:
                return True  # that nobody knows the price beforehand was agreed to
            committed = spending.of(list(self._book.stages.values())).committed
            return told is not None and committed + told <= cap + ROUNDING

        try:
            if record is not None and record.state in _UNSURE:
                settle_launches(self._services, plan.account)
            job = launch(
                plan, self._services, confirmed_price=estimate, on_told_price=fits,
                search_delays=self._delays,
            )  # fmt: skip
        except (LaunchUncertain, LaunchHeldUp) as error:
            self._later(trial, error.message)
        except LaunchQueued as error:
            self._drop_from_queue(plan.run_id)  # the sweep sends it itself, or not at all
            wait = max(_AGAIN_SECONDS, error.due_at - time.time())  # each look asks the service
            self._not_before[trial.number] = time.monotonic() + wait
            self._book.note_once(trial.number, f"waits: {error.message}")
        except ProviderError as error:
            self._refuse(trial, error)
        except TunedeckError as error:
            self._fail(trial, error)
        else:
            self._sent(trial, job)

    def _sent(self, trial: Trial, job: Job) -> None:
        self._refused = 0
        self._failures.pop(trial.number, None)
        self._book.save(replace(trial, state=TrialState.RUNNING, note=""))
        self._book.note_once(trial.number, f"job {job.id} on {job.account}")

    def _refuse(self, trial: Trial, error: ProviderError) -> None:
        if error.limit is Limit.MONEY or error.status in _NEEDS_A_PERSON:
            raise NeedsAPerson(error.message, error.remedy) from None
        if error.retryable or error.status is None:
            self._later(trial, error.message)
        else:
            self._fail(trial, error)

    def _fail(self, trial: Trial, error: TunedeckError) -> None:
        self._book.end(trial, TrialState.FAILED, f"{error.message} {error.remedy}".strip())
        self._refused += 1
        if self._refused >= _REFUSED_IN_A_ROW:
            raise NeedsAPerson(
                f"{self._refused} launches in a row were refused: {error.message}", error.remedy
            ) from None

    def _later(self, trial: Trial, words: str) -> None:
        count = self._failures[trial.number] = self._failures.get(trial.number, 0) + 1
        wait = min(_LONGEST_AGAIN, _AGAIN_SECONDS * 2 ** min(count - 1, 8))
        self._not_before[trial.number] = time.monotonic() + wait
        self._book.note_once(trial.number, f"not sent yet: {words}")

    def _drop_from_queue(self, run_id: str) -> None:
        if any(one.record.run_id == run_id for one in self._services.store.queued_launches()):
            self._services.store.unqueue_launch(run_id)

    def _refuse_changes(self, plan: LaunchPlan, estimate: Estimate) -> None:
        """Hold a launch to what a person agreed to.

        Raises:
            NeedsAPerson: The price or the file has changed since.
        """
        agreed = self._book.sweep.agreed
        units, files = agreed.get("units", {}), agreed.get("files", {})
        unit = unit_prices({estimate.model: estimate})[estimate.model]
        if estimate.model in units and units[estimate.model] != unit:
            raise NeedsAPerson(
                f"The price of {estimate.model} has changed since the sweep was agreed to.",
                "`tunedeck sweep resume` shows the new one and asks again.",
            )
        known_file = files.get(str(plan.training))
        if known_file and file_sha256(plan.training) != known_file:
            raise NeedsAPerson(
                f"{plan.training.name} has changed since the sweep began: its trials could not be compared.",
                "Put the file back, or begin a new sweep.",
            )


def over_the_cap(number: int, price: Decimal | None, committed: Decimal, cap: Decimal, currency: str) -> str:
    """Return why a trial is not begun; empty when it fits under the cap."""
    if price is not None and committed + price <= cap + ROUNDING:
        return ""
    costs = "has no price" if price is None else f"may cost {format_money(price, currency)}"
    return (
        f"The money cap of {format_money(cap, currency)}: trial {number} {costs}, and "
        f"{format_money(committed, currency)} are spent or promised."
    )
