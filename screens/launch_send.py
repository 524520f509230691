"""Sends a confirmed plan: once, with progress, and to the job's screen when it is there."""

from __future__ import annotations

import time
from decimal import Decimal
from queue import Empty, SimpleQueue

from textual import work

from screens.base import DeckScreen
from screens.confirm import ConfirmScreen
from tui.errors import TunedeckError
from tui.jobs.launch import launch
from tui.jobs.plan import LaunchPlan
from tui.jobs.queue import LaunchQueued
from tui.money.estimate import Estimate, format_money
from tui.records.jobs import Job
from tui.safe_text import safe_line

_PROGRESS_SECONDS = 0.25


class SendsPlan(DeckScreen, inherit_bindings=False):
    """A screen that may launch; one launch at a time."""

    is_sending: bool = False
    """True from the confirmation until the service has answered."""

    def sending_changed(self) -> None:
        """Show that a launch has begun or ended."""
        raise NotImplementedError

    def sending_progressed(self, stage: str, done: int, total: int) -> None:
        """Show how far it is."""
        raise NotImplementedError

    def send(self, plan: LaunchPlan, price: Estimate) -> None:
        """Launch a plan at its confirmed price; does nothing while another launch is under way."""
        if self.is_sending:
            return
        self.is_sending = True
        self.sending_changed()
        self._launch(plan, price)

    @work(thread=True, group="launch", exit_on_error=False, description="launch a job")
    def _launch(self, plan: LaunchPlan, price: Estimate) -> None:
        last = 0.0

        def progress(stage: str, done: int, total: int) -> None:
            nonlocal last
            if done < total and time.monotonic() - last < _PROGRESS_SECONDS:
                return
            last = time.monotonic()
            self.post_from_thread(self.sending_progressed, stage, done, total)

        try:
            job = launch(
                plan, self.services, confirmed_price=price, on_progress=progress,
                on_told_price=lambda dollars: self._ask_told_price(plan, dollars),
            )  # fmt: skip
        except LaunchQueued as error:
            self.post_from_thread(self._waits, error)
        except TunedeckError as error:
            self.post_from_thread(self._failed, error)
        else:
            self.services.watcher.wake(plan.account)
            self.post_from_thread(self._launched, job)

    def _ask_told_price(self, plan: LaunchPlan, dollars: Decimal | None) -> bool:
        """Ask whether to go on at the service's own estimate, from the worker that launches, and wait."""
        answers: SimpleQueue[bool] = SimpleQueue()
        price = "not told" if dollars is None else format_money(dollars, "USD")
        says = "estimates no price for this job" if dollars is None else f"itself estimates {price}"
        dialog = ConfirmScreen(
            f"{safe_line(plan.account, 40)} {says}. Start the job?",
            yes="start it and pay for it",
            facts=[("Price", price), ("Model", safe_line(plan.model, 80))],
            warning="The file is there; no job is created yet.",
        )
        self.post_from_thread(self._show_told_price, dialog, answers)
        while self.app.is_running and self.is_attached:
            try:
                return answers.get(timeout=_PROGRESS_SECONDS)
            except Empty:
                continue
        return False  # the app was left: nothing is created unseen

    def _show_told_price(self, dialog: ConfirmScreen, answers: SimpleQueue[bool]) -> None:
        self.app.push_screen(dialog, lambda confirmed: answers.put(bool(confirmed)))

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """End the launch; what the service has made of it is not known."""
        if group != "launch":
            return super().work_broke_off(group, error)
        self._failed(error)
        self.tell(
            "Look at Jobs (5) before you launch it again: the service may have taken it.", severity="warning"
        )
        return True

    def _failed(self, error: TunedeckError) -> None:
        self.is_sending = False
        self.sending_changed()
        self.tell_error(error)

    def _waits(self, queued: LaunchQueued) -> None:
        self.is_sending = False
        self.sending_changed()
        if queued.is_wished:
            self.tell(f"{queued.message} It waits in the queue; w in Jobs shows it.", title="Queued")
        else:
            self.tell_error(queued)

    def _launched(self, job: Job) -> None:
        self.is_sending = False
        self.sending_changed()
        if self.is_current:
            self.navigator.open_job(job.account, job.id)
        else:
            self.tell(f"The job {job.id} was created on {job.account}; 5 shows it.")
