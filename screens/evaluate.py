"""How good a model is, and whether it is better than another: test set, checks, price, progress, verdict."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from screens.base import DeckScreen
from screens.chat_choices import KEY_SEPARATOR, MODEL_COLUMNS, model_options
from screens.choose import ChooseScreen, choose_file
from screens.confirm import ConfirmScreen
from screens.evaluate_facts import CHECK_COLUMNS, check_options, confirm_facts, state_parts
from screens.evaluate_form import OTHER, EvaluateForm
from screens.evaluate_pane import EvaluatePane
from screens.greyed_keys import GreyedKeys
from screens.navigation import ModelChoice
from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.widgets.choice_field import ChoiceField
from tui.widgets.keys import bindings
from tui.widgets.meter import Meter
from tui.widgets.press_button import PressButton
from tui.widgets.tones import content

if TYPE_CHECKING:
    from tui.evals.plan import EvalPlan
    from tui.evals.suggested import Suggestion
    from tui.records.jobs import Job

_LOOKS_A_SECOND = 4
_DEBOUNCE_SECONDS = 0.3


class EvaluateScreen(GreyedKeys, inherit_bindings=False):
    """A form that starts complete, and the run that it starts.

    Args:
        model: Account and id; None takes the newest tuned model.
        job: The job that made it, whose validation file is the first test set.
    """

    PLACE = "models"
    CSS_PATH = "evaluate.tcss"
    AUTO_FOCUS = "#test-set"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012 - Textual's own type
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("evaluate"), *DeckScreen.BINDINGS]
    HELP = """
    Every field is filled in; arrow keys change a choice, enter chooses from a list. ctrl+l says what it costs
    and asks. Answers are kept as they come, also when you leave this screen: ctrl+t stops, and a second start
    goes on where it was. Nothing is paid for twice. The verdict follows from the interval of the difference.
    """

    @dataclass
    class Planned(Message):
        """What the form comes to is known, or why it does not."""

        turn: int
        plan: EvalPlan | None
        suggestion: Suggestion | None
        problem: str = ""

    @dataclass
    class HeldOut(Message):
        """The model's own validation file was found, or the model itself."""

        model: ModelChoice | None
        path: Path | None

    def __init__(self, model: ModelChoice | None = None, job: Job | None = None) -> None:
        super().__init__()
        self.form = EvaluateForm(model)
        self._job = job
        self._plan: EvalPlan | None = None
        self._problem = ""
        self._suggestion: Suggestion | None = None
        self._turn = 0
        self._timer: Timer | None = None
        self._was_running = False

    def compose_body(self) -> ComposeResult:
        """Yield the form, the plan, the button, progress and the verdict."""
        yield EvaluatePane(self.form)
        yield Static("", id="evaluate-plan", markup=False)
        yield PressButton(id="evaluate-button")
        yield Meter(id="evaluate-meter", ascii_only=self.services.settings.ascii)
        yield Static("", id="evaluate-state", markup=False)

    def on_mount(self) -> None:
        """Find the test set, and follow what is under way."""
        self.query_one(Meter).display = False
        self._show()
        self._find_held_out()
        self.set_interval(1 / _LOOKS_A_SECOND, self._look)
        self._look()

    # Finding and planning, in threads

    @work(thread=True, group="held-out", exclusive=True, exit_on_error=False, description="find a test set")
    def _find_held_out(self) -> None:
        from tui.chat.models import default_lanes
        from tui.jobs.held_out import held_out_file

        model, path = self.form.model, None
        try:
            if model is None:
                lane = default_lanes(self.services)[-1]
                model = (lane.account, lane.model)
            job = self._job or self._job_of(model)
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

    def form_changed(self, *, at_once: bool = False) -> None:
        """Show the form and reckon anew what it comes to."""
        self._plan, self._problem = None, ""
        self._turn += 1
        self._show()
        if self._timer is not None:
            self._timer.stop()
        if at_once:
            self._plan_anew()
        else:
            self._timer = self.set_timer(_DEBOUNCE_SECONDS, self._plan_anew)

    def _plan_anew(self) -> None:
        if not self.form.problems() and not self._was_running:
            self._make_plan(replace(self.form), self._turn)

    @work(thread=True, group="plan-evaluation", exclusive=True, exit_on_error=False, description="price it")
    def _make_plan(self, form: EvaluateForm, turn: int) -> None:
        from tui.evals.checks.spec import parse_check
        from tui.evals.setup import plan_for
        from tui.evals.suggested import suggested_checks
        from tui.evals.test_set import read_test_set

        suggestion = None
        try:
            test_set = read_test_set(form.file, limit=form.limit)
            suggestion = suggested_checks(test_set.cases)
            wish = form.wish(suggestion.checks)
            specs = tuple(parse_check(one) for one in wish.checks)
            if not specs and not all(case.checks for case in test_set.cases):
                raise TunedeckError("No check is given.", "Enter on Checks adds one.")
            plan = plan_for(self.services, wish, test_set, specs)
        except TunedeckError as error:
            # A remedy of the command line's is none here.
            remedy = "" if "--" in error.remedy else error.remedy
            self.post_message(self.Planned(turn, None, suggestion, f"{error.message} {remedy}"))
            return
        self.post_message(self.Planned(turn, plan, suggestion))

    @on(Planned)
    def _take_plan(self, message: Planned) -> None:
        if message.turn != self._turn:
            return
        self._plan, self._problem = message.plan, message.problem
        self._suggestion = message.suggestion
        self._show()

    # Showing

    @property
    def _checks(self) -> tuple[str, ...]:
        suggested = self._suggestion.checks if self._suggestion is not None else ()
        return self.form.checks if self.form.checks_chosen else suggested

    def _show(self) -> None:
        why = self._suggestion.why if self._suggestion is not None and not self.form.checks_chosen else ""
        cases = len(self._plan.test_set.cases) if self._plan is not None else 0
        self.query_one(EvaluatePane).show_form(self._checks, why, cases)
        waiting = "Reckoned once the run is over." if self._was_running else "Reckoning…"
        words = ("" if self.form.problems() else waiting, "muted")
        if self._problem:
            words = (safe_line(self._problem, 400), "bad")
        elif self._plan is not None:
            skipped = len(self._plan.test_set.skipped)
            left_out = f" {skipped:,} lines of the file can't be asked." if skipped else ""
            words = (self._plan.words + left_out, "accent")
        self.query_one("#evaluate-plan", Static).update(content(words))  # type: ignore[arg-type]
        self._show_button()

    def _show_button(self) -> None:
        button = self.query_one(PressButton)
        if self._was_running:
            button.set_label("Stop: what was answered is kept", enabled=True)
        else:
            reason = self.reason_against("start_evaluation")
            button.set_label(reason or "Evaluate", enabled=not reason)
        self.refresh_bindings()

    def _look(self) -> None:
        """Show how the run stands; once it is over, what is left to ask is reckoned anew."""
        state = self.services.examiner.state
        meter = self.query_one(Meter)
        meter.display = state.is_running
        meter.fraction = state.fraction
        self.query_one("#evaluate-state", Static).update(content(*state_parts(state)))
        if state.is_running != self._was_running:
            self._was_running = state.is_running
            if state.is_running:
                self._show_button()
            else:
                self.form_changed(at_once=True)

    # Fields

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        name = message.input.id or ""
        if message.value != getattr(self.form, name):
            setattr(self.form, name, message.value)
            self.form_changed()

    @on(Input.Submitted)
    def _go_on(self) -> None:
        self.focus_next()

    @on(ChoiceField.Changed)
    def _changed(self, message: ChoiceField.Changed) -> None:
        if message.field.id == "test-set":
            self.form.file = Path(message.value)
        elif message.field.id == "against":
            self.form.against = message.value
        self.form_changed()

    @on(ChoiceField.Opened)
    def _opened(self, message: ChoiceField.Opened) -> None:
        match message.field.id:
            case "test-set":
                self.action_choose_test_set()
            case "model" | "against":
                self._choose_model(message.field.id)
            case "checks":
                self._choose_check()

    @work(group="choose", exclusive=True, exit_on_error=False)
    async def action_choose_test_set(self) -> None:
        """Choose a file."""
        path = await choose_file(self, "Which rows are asked")
        if path is not None:
            self.form.other_file = self.form.file = path
            self.form_changed(at_once=True)

    @work(group="choose", exclusive=True, exit_on_error=False)
    async def _choose_model(self, field: str) -> None:
        from tui.chat.models import known_models

        options = model_options(known_models(self.services), self.services.accounts())
        title = "Which model is examined" if field == "model" else "Compare it with"
        chosen = await self.app.push_screen_wait(
            ChooseScreen(title, MODEL_COLUMNS, options, hint="part of a name")
        )
        if not chosen:
            return
        account, _, model = chosen.partition(KEY_SEPARATOR)
        if field == "model":
            # What was held out of one model's training may be what another was trained on.
            self._job = None
            self.form.turn_to((account, model))
            self._find_held_out()
        else:
            self.form.other, self.form.against = (account, model), OTHER
        self.form_changed(at_once=True)

    @work(group="choose", exclusive=True, exit_on_error=False)
    async def _choose_check(self) -> None:
        options = await asyncio.to_thread(check_options, self._checks)
        chosen = await self.app.push_screen_wait(
            ChooseScreen("Add a check, or take one off", CHECK_COLUMNS, options,
                         hint="a name, or contains:refund, or length:{max_words = 50}", may_type=True)
        )  # fmt: skip
        if chosen:
            self.form.toggle_check(chosen, self._checks)
            self.form_changed(at_once=True)

    # Keys

    def reason_against(self, action: str) -> str:
        """Return why a key can't act now."""
        match action:
            case "start_evaluation" if self._was_running:
                return "An evaluation is under way; ctrl+t stops it."
            case "start_evaluation" if self.form.problems():
                return "Fill in what is marked first."
            case "start_evaluation" if self._plan is None:
                return safe_line(self._problem, 200) or "Reckoning what it costs…"
            case "stop_evaluation" if not self._was_running:
                return "Nothing is being evaluated."
            case "show_result" if self.services.examiner.state.result is None:
                return "Nothing has been evaluated since tunedeck was opened."
        return ""

    @on(PressButton.Pressed)
    def _pressed(self) -> None:
        if self._was_running:
            self.action_stop_evaluation()
            return
        reason = self.reason_against("start_evaluation")
        if reason:
            self.tell(reason, title="Evaluate: not now", severity="warning")
        else:
            self.action_start_evaluation()

    @work(group="start-evaluation", exclusive=True, exit_on_error=False, description="start an evaluation")
    async def action_start_evaluation(self) -> None:
        """Show price and time, ask, and begin; never more than the shown limit is spent."""
        from tui.evals.examiner import dearest_end

        plan = self._plan
        if plan is None:
            return
        cap = await asyncio.to_thread(dearest_end, self.services, plan)
        if not plan.is_free:
            unknown = "Nobody knows what this costs; the service charges it."
            dialog = ConfirmScreen(
                "Ask these models?",
                yes="ask them",
                facts=confirm_facts(plan, cap),
                warning=unknown if plan.price is None else "",
            )
            if not await self.app.push_screen_wait(dialog):
                return
        if cap is not None and cap.high and plan.options.max_cost is None:
            plan = replace(plan, options=replace(plan.options, max_cost=cap.high))
        try:
            self.services.examiner.start(plan)
        except TunedeckError as error:
            self.tell_error(error)
        self._look()

    def action_stop_evaluation(self) -> None:
        """Stop asking; what was answered is kept and judged."""
        self.services.examiner.cancel()
        self._look()

    def action_show_result(self) -> None:
        """Show what the last run found."""
        from screens.evaluation import EvaluationScreen  # not needed before there is a result

        result = self.services.examiner.state.result
        if result is not None:
            self.app.push_screen(EvaluationScreen(result))
