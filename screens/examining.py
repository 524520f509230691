"""A form about a model, rows and checks that starts complete, is priced as it changes, and starts a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Static

from screens.evaluate_pane import EvaluatePane
from screens.examining_fields import ExaminesFields, FormT
from screens.navigation import ModelChoice
from screens.planned_form import told_in_app
from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.widgets.meter import Meter
from tui.widgets.press_button import PressButton
from tui.widgets.tones import content

if TYPE_CHECKING:
    from tui.evals.plan import EvalPlan
    from tui.evals.suggested import Suggestion
    from tui.evals.test_set import TestSet
    from tui.records.jobs import Job

PlanT = TypeVar("PlanT")


class ExaminingScreen(ExaminesFields[FormT], Generic[FormT, PlanT], inherit_bindings=False):
    """The form, what it comes to, the button, and the run; subclasses say what is planned.

    Args:
        form: As it is to begin.
        job: The job that made its model, whose validation file is the first test set.
    """

    PLACE = "models"
    STATE = "#evaluate-state"
    START = ""
    """Action that begins the run; its key's description stands on the button."""
    VERB = ""
    """On the button."""
    CSS_PATH = "evaluate.tcss"
    AUTO_FOCUS = "#test-set"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012 - Textual's own type

    @dataclass
    class Planned(Message):
        """What the form comes to is known, or why it does not."""

        turn: int
        plan: object
        suggestion: Suggestion | None
        problem: str = ""

    @dataclass
    class HeldOut(Message):
        """The model's own validation file was found, or the model itself."""

        model: ModelChoice | None
        path: Path | None

    def __init__(self, form: FormT, job: Job | None = None) -> None:
        super().__init__(form, job)
        self.plan: PlanT | None = None

    def make_plan(self, form: FormT, suggest: Callable[[TestSet], tuple[str, ...]]) -> PlanT:
        """Return what the form comes to; in a thread.

        Args:
            form: Complete.
            suggest: Returns the checks that fit rows, and notes why for the screen.

        Raises:
            TunedeckError: It comes to nothing.
        """
        raise NotImplementedError

    def asked(self, plan: PlanT) -> EvalPlan:
        """Return what a plan asks."""
        raise NotImplementedError

    def pane(self) -> EvaluatePane:
        """Return the form's widget."""
        return EvaluatePane(self.form)

    def compose_body(self) -> ComposeResult:
        """Yield the form, the plan, the button, progress and how it ended."""
        yield self.pane()
        yield Static("", id="evaluate-plan", markup=False)
        yield PressButton(id="evaluate-button")
        yield Meter(id="evaluate-meter", ascii_only=self.services.settings.ascii)
        yield Static("", id="evaluate-state", markup=False)

    def on_mount(self) -> None:
        """Find the test set, and follow what is under way."""
        self.query_one(Meter).display = False
        self.show_planned()
        self.prepare()
        self.follow_run()

    # Finding and planning, in threads

    def prepare(self) -> None:
        """Find what the form begins with, or has to change with its model."""
        self._find_held_out()

    @work(thread=True, group="held-out", exclusive=True, exit_on_error=False, description="find a test set")
    def _find_held_out(self) -> None:
        from tui.chat.models import default_lanes
        from tui.jobs.held_out import held_out_file

        model, path = self.form.model, None
        try:
            if model is None:
                lane = default_lanes(self.services)[-1]
                model = (lane.account, lane.model)
            job = self.job or self._job_of(model)
            path = held_out_file(self.services, job) if job is not None else None
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
        self.post_message(self.HeldOut(model, path))

    def _job_of(self, model: ModelChoice) -> Job | None:
        jobs = self.services.store.jobs()
        return next((one for one in jobs if (one.account, one.fine_tuned_model) == model), None)

    @on(HeldOut)
    def _take_held_out(self, message: HeldOut) -> None:
        form = self.form
        form.model = form.model or message.model
        if message.path is not None and form.model == message.model:
            form.held_out = message.path
            if form.other_file is None:  # who has chosen a file already wants that one
                form.file = message.path
        self.form_changed(at_once=True)

    def forget_plan(self) -> None:
        """Drop what the form came to before it changed."""
        self.plan = None

    def plan_form(self) -> None:
        """Reckon what the form comes to, in a thread."""
        self._plan_form(replace(self.form), self.turn)

    @work(thread=True, group="plan-evaluation", exclusive=True, exit_on_error=False, description="price it")
    def _plan_form(self, form: FormT, turn: int) -> None:
        from tui.evals.suggested import suggested_checks

        found: list[Suggestion] = []

        def suggest(test_set: TestSet) -> tuple[str, ...]:
            found.append(suggested_checks(test_set.cases))
            return found[0].checks

        try:
            plan = self.make_plan(form, suggest)
        except TunedeckError as error:
            self.post_message(self.Planned(turn, None, found[0] if found else None, told_in_app(error)))
            return
        self.post_message(self.Planned(turn, plan, found[0] if found else None))

    @on(Planned)
    def _take_plan(self, message: Planned) -> None:
        if message.turn != self.turn:
            return
        self.plan, self.problem = cast("PlanT | None", message.plan), message.problem
        self.suggestion = message.suggestion
        self.show_planned()

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """Say where the price would be that there will be none."""
        if group in ("held-out", "plan-evaluation"):
            self.problem = error.message
            self.show_planned()
        return super().work_broke_off(group, error)

    # Showing

    def show_planned(self) -> None:
        """Show the form, and what it comes to as far as that is known."""
        why = self.suggestion.why if self.suggestion is not None and not self.form.checks_chosen else ""
        asked = self.asked(self.plan) if self.plan is not None else None
        cases = len(asked.test_set.cases) if asked is not None else 0
        self.query_one(EvaluatePane).show_form(self.checks, why, cases)
        waiting = "Reckoned once the run is over." if self.was_running else "Reckoning…"
        words = ("" if self.form.problems() else waiting, "muted")
        if self.problem:
            words = (safe_line(self.problem, 400), "bad")
        elif asked is not None:
            skipped = len(asked.test_set.skipped)
            left_out = f" {skipped:,} lines of the file can't be asked." if skipped else ""
            words = (asked.words + left_out, "accent")
        self.query_one("#evaluate-plan", Static).update(content(words))  # type: ignore[arg-type]
        self._show_button()

    def _show_button(self) -> None:
        button = self.query_one(PressButton)
        if self.was_running:
            button.set_label("Stop: what was answered is kept", enabled=True)
        else:
            reason = self.reason_against(self.START)
            button.set_label(reason or self.VERB, enabled=not reason)
        self.refresh_bindings()

    def run_turned(self) -> None:
        """Once the run is over, what is left to ask is reckoned anew."""
        if self.was_running:
            self._show_button()
        else:
            self.form_changed(at_once=True)

    # Keys

    def reason_against(self, action: str) -> str:
        """Return why a key can't act now."""
        if action == self.START:
            if self.was_running:
                return "A run is under way; ctrl+t stops it."
            if self.form.problems():
                return "Fill in what is marked first."
            if self.plan is None:
                return safe_line(self.problem, 200) or "Reckoning what it costs…"
        if action == "stop_run" and not self.was_running:
            return "Nothing is being asked."
        if action == "show_result" and self.background.state.result is None:
            return "Nothing has been found out since tunedeck was opened."
        return ""

    @on(PressButton.Pressed)
    async def _pressed(self) -> None:
        reason = "" if self.was_running else self.reason_against(self.START)
        if reason:
            self.tell(reason, title=f"{self.VERB}: not now", severity="warning")
        else:
            await self.run_action("stop_run" if self.was_running else self.START)

    def action_stop_run(self) -> None:
        """Stop asking; what was answered is kept and judged."""
        self.stop_run()
