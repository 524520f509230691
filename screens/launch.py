"""Launch: a form that starts complete, what speaks for and against it live, one confirmation, one job."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

from screens.base import DeckScreen
from screens.choose import choose_file
from screens.confirm import ConfirmScreen
from screens.greyed_keys import GreyedKeys
from screens.launch_facts import button_text, confirm_facts, preflight_points
from screens.launch_form import AUTO, EFFORT, NUMBERS, LaunchForm
from screens.launch_judge import JudgesPlan, Readiness
from screens.launch_mend import MendsPlan
from screens.launch_pane import ROWS, TEXTS, LaunchPane
from screens.launch_places import ChoosesPlace
from screens.launch_preview import PreviewsTokens
from screens.launch_send import SendsPlan
from screens.navigation import ModelChoice
from screens.preflight_pane import Point, PreflightPane
from tui.engine_watch import EngineState, Phase
from tui.errors import TunedeckError
from tui.jobs.plan import LaunchPlan, PreflightLine
from tui.jobs.run_places import RUN_ON
from tui.money.estimate import time_of
from tui.records.jobs import Method
from tui.safe_text import safe_line, safe_to_type
from tui.widgets.choice_field import ChoiceField
from tui.widgets.keys import bindings
from tui.widgets.meter import Meter
from tui.widgets.press_button import PressButton

if TYPE_CHECKING:
    from tui.jobs.elsewhere import Origin
    from tui.jobs.job_file import JobTerms

DEBOUNCE_SECONDS = 0.2
_METHODS = {"preference": Method.DPO, "reinforcement": Method.REINFORCEMENT}
"""Format of rows -> the method that they are for."""


def _note(words: str, way: str = "") -> Point:
    return Point(("", ""), [(words, "muted")], way, "There is nothing to mend yet.")


class LaunchScreen(
    PreviewsTokens, ChoosesPlace, MendsPlan, JudgesPlan, SendsPlan, GreyedKeys, inherit_bindings=False
):
    """The form for a fine-tuning job.

    Args:
        path: Training file to start with.
        terms: What the form is filled in with; None leaves it as it begins.
        model: Account and model to start with; None takes the settings'.
    """

    PLACE = "launch"
    CSS_PATH = "launch.tcss"
    AUTO_FOCUS = "#training"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012 - Textual's own type
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("launch"), *DeckScreen.BINDINGS]
    HELP = """
Every field is filled in; auto leaves a number to the service, and the note beside it says what that comes to.
Arrow keys change a choice, enter goes on, ctrl+l launches. ctrl+g goes to what speaks against it; enter on a
line there mends it, where a key can. Nothing is sent before you confirm the price.
"""

    def __init__(
        self, path: Path | None, model: ModelChoice | None = None, terms: JobTerms | None = None
    ) -> None:
        super().__init__()
        self._terms = terms
        self.form = LaunchForm(training=path, from_model=model)
        self._readiness: Readiness | None = None
        self._wanted: LaunchPlan | None = None
        self._examples = 0
        self._timer: Timer | None = None
        self._method_chosen = False

    def compose_body(self) -> ComposeResult:
        """Yield the form, the preflight and the button."""
        with Horizontal(id="launch-body"):
            yield LaunchPane(self.form)
            yield PreflightPane(id="preflight", classes="pane")
        yield PressButton(id="launch-button")
        yield Meter(id="launch-progress")

    def on_mount(self) -> None:
        """Fill the form."""
        self.query_one("#preflight").border_title = "Before the launch"
        self.query_one(Meter).display = False
        settings = self.services.settings
        self.form.night = settings.night
        # Without a model the form takes the best to begin with, and says why.
        self.form.account, self.form.model = self.form.from_model or (settings.default_account, "")
        if self._terms is not None:
            self.take_terms(self._terms)
        else:
            self.form_changed()
        self.ask_places()

    @property
    def has_path(self) -> bool:
        """True once a training file is chosen."""
        return self.form.training is not None

    def show_path(self, path: Path) -> None:
        """Turn to another training file; the rest of the form stays."""
        self.form.training = path
        self._method_chosen = False
        self._examples = 0
        self.form_changed()

    def take_terms(self, terms: JobTerms) -> None:
        """Fill the form in with what a job is made from."""
        self.form.fill(terms)
        if terms.training is not None and terms.read_as is not None:
            self.services.formats.choose(terms.training, terms.read_as)
        self._method_chosen = True
        self._examples = 0
        for name in (*NUMBERS, *TEXTS):
            text = self.form.numbers[name] if name in NUMBERS else getattr(self.form, name)
            # An input draws what it holds, and a suffix may be another service's.
            self.query_one(f"#{name}", Input).value = safe_to_type(text)
        self.form_changed()

    def train_from(self, model: ModelChoice) -> None:
        """Turn to another model to train; the rest of the form stays."""
        self.form.from_model = model
        self.form.account, self.form.model = model
        self.form.first_model = None
        self.form_changed()

    def engine_changed(self, state: EngineState) -> None:
        """Judge anew once the engine is ready: its model and its tokenizer are there now."""
        if state.phase is Phase.READY and not self.is_sending:
            self.form_changed()
            self.ask_places()

    # The form

    def form_changed(self) -> None:
        """Offer and judge anew what the form says now."""
        pane = self.query_one(LaunchPane)
        pane.offer_choices(self.services)
        self._readiness = None
        self._wanted = None
        pane.show_notes(self._examples)
        self._show_readiness()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(DEBOUNCE_SECONDS, self._judge_form)

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        name = message.input.id or ""
        if name in TEXTS:
            if message.value == getattr(self.form, name):
                return
            setattr(self.form, name, message.value)
        elif self.form.numbers.get(name) == message.value:
            return
        else:
            self.form.numbers[name] = message.value
        self.form_changed()

    @on(Input.Submitted)
    def _go_on(self) -> None:
        self.focus_next()

    @on(ChoiceField.Changed)
    def _chosen(self, message: ChoiceField.Changed) -> None:
        form = self.form
        match message.field.id:
            case "account":
                form.account = message.value
                # What nobody chose is chosen anew; a model that a person wants stays where it can.
                form.model = "" if form.first_model is not None else form.model
            case "model":
                form.model, form.first_model = message.value, None
                form.models_chosen[form.account] = message.value
            case "method":
                form.method = Method(message.value)
                self._method_chosen = True
            case "validation":
                form.validation = message.value
            case field if field == EFFORT:
                form.effort = message.value
            case field if field == RUN_ON:
                form.run_on = message.value
        self.form_changed()

    @on(ChoiceField.Opened)
    def _opened(self, message: ChoiceField.Opened) -> None:
        if message.field.id == "training":
            self.action_choose_file()
        elif message.field.id == "validation" and self.form.validation == "file":
            self._choose_validation()
        elif message.field.id in ("model", "grader", RUN_ON):
            self._choose_from_list(message.field.id)
        else:
            self.focus_next()

    # The preflight

    def _judge_form(self) -> None:
        if not self.form.problems() and not self.is_sending:
            self._wanted = self.form.plan()
            grader = self.form.grader_file if self.form.asks("grader") else None
            self.judge(self._wanted, grader)

    @on(JudgesPlan.FilesChanged)
    def _judge_again(self) -> None:
        if not self.is_sending:
            self.form_changed()

    @on(JudgesPlan.Judged)
    def _judged(self, message: JudgesPlan.Judged) -> None:
        readiness = message.readiness
        if self._wanted is None or readiness.plan.run_id != self._wanted.run_id:
            return
        self._examples = readiness.examples
        wanted = _METHODS.get(readiness.format, Method.SUPERVISED)
        offered = wanted in self.form.methods and readiness.format != "unknown"
        if not self._method_chosen and offered and wanted is not self.form.method:
            self.form.method = wanted
            self.form_changed()
            return
        self._readiness = readiness
        self.query_one(LaunchPane).show_notes(self._examples)
        self._show_readiness()

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """Say in the preflight's place that there is none."""
        if group == "preflight" and self._readiness is None and self._wanted is not None:
            line = PreflightLine("stop", error.message, error.remedy)
            self._readiness = Readiness(self._wanted, [line], None, self._examples, [], "")
            self._show_readiness()
        return super().work_broke_off(group, error)

    def _show_readiness(self) -> None:
        ready = self._readiness
        pane = self.query_one(PreflightPane)
        button = self.query_one(PressButton)
        if self.form.problems():
            pane.show_points([_note("Fill in what is marked.", way="go to the first field that is marked")])
        elif ready is None:
            pane.show_points([_note("Looking…")])
        else:
            pane.show_points(preflight_points(ready.lines))
        problem = self.reason_against("launch")
        estimate = ready.estimate if ready is not None else None
        time = time_of(estimate, ready.rates) if ready is not None else None
        button.set_label(button_text(estimate, time), enabled=not problem)
        self.refresh_bindings()

    # Keys

    def reason_against(self, action: str) -> str:
        """Return why nothing can be launched now, or why there is nothing to go to."""
        if action == "go_to_mends":
            looked = self._readiness is not None or self.form.problems()
            return "" if looked else "The file is still being looked at."
        if action == "preview_tokens":
            return self.reason_against_preview()
        if action != "launch":
            return ""
        if self.is_sending:
            return "This job is being launched."
        problems = self.form.problems()
        if problems:
            name = next(iter(problems))
            return f"{dict(ROWS)[name]}: {problems[name]}."
        if self._readiness is None:
            return "The file is still being looked at."
        stop = next((line for line in self._readiness.lines if line.level == "stop"), None)
        if stop is not None:
            return f"{stop.text} {stop.remedy}".strip()
        return "" if self._readiness.may_launch else "The price is not known."

    @on(PressButton.Pressed)
    def _pressed(self) -> None:
        problem = self.reason_against("launch")
        if problem:
            self.tell(problem, title="Launch: not now", severity="warning")
        else:
            self.action_launch()

    def action_launch(self) -> None:
        """Show the price and ask; a yes sends exactly what was judged."""
        ready = self._readiness
        if ready is None or ready.estimate is None or self.is_sending:
            return
        estimate = ready.estimate

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self.send(ready.plan, estimate)

        self.app.push_screen(
            ConfirmScreen(
                "Start this job for free?" if estimate.is_free else "Start this job and pay for it?",
                yes="start it",
                facts=confirm_facts(ready.plan, estimate, time_of(estimate, ready.rates), ready.told),
            ),
            answered,
        )

    def sending_changed(self) -> None:
        """Show whether a launch is under way; a finished one needs a new confirmation."""
        meter = self.query_one(Meter)
        meter.display = self.is_sending
        self.query_one(PressButton).display = not self.is_sending
        if self.is_sending:
            self._show_readiness()
        else:
            self.form_changed()

    def sending_progressed(self, stage: str, done: int, total: int) -> None:
        """Show how far the upload is."""
        meter = self.query_one(Meter)
        meter.fraction = done / total if total else 0.0
        meter.note = safe_line(stage, 60)

    def action_go_to_mends(self) -> None:
        """Go to the first line that a key can mend."""
        pane = self.query_one(PreflightPane)
        pane.focus()
        pane.go_to_first_way()

    @on(PreflightPane.MendAsked)
    def _mend_asked(self, message: PreflightPane.MendAsked) -> None:
        ready, problems = self._readiness, self.form.problems()
        if problems:
            self.query_one(f"#{next(name for name, _ in ROWS if name in problems)}").focus()
        elif ready is not None and message.index < len(ready.lines) and not self.is_sending:
            self.mend_line(ready.lines[message.index])

    def method_was_chosen(self) -> None:
        """Let the file's format choose the method no longer."""
        self._method_chosen = True

    def origin_asked_for(self) -> Callable[[], Origin] | None:
        """Return what the form says as something to launch at another account."""
        if self.form.problems():
            return None
        from tui.jobs.elsewhere import origin_of_plan  # only for what is taken elsewhere

        ready = self._readiness
        price = ready.estimate.as_json() if ready is not None and ready.estimate is not None else None
        return partial(origin_of_plan, ready.plan if ready is not None else self.form.plan(), price)

    def action_reset_field(self) -> None:
        """Set the focused number back to auto."""
        field = self.focused
        if isinstance(field, Input):
            field.value = AUTO if field.id in NUMBERS else ""
        elif isinstance(field, Widget):
            self.tell("This field has no auto: ←→ changes it.")

    @work(group="choose-file", exclusive=True, exit_on_error=False, description="choose a file")
    async def action_choose_file(self) -> None:
        """Choose the training file."""
        path = await choose_file(self, "Training file")
        if path is not None:
            self.show_path(path)

    @work(group="choose-file", exclusive=True, exit_on_error=False, description="choose from a list")
    async def _choose_from_list(self, field: str) -> None:
        choose = {"model": self.choose_model, "grader": self.choose_grader, RUN_ON: self.choose_place}
        await choose[field]()

    @work(group="choose-file", exclusive=True, exit_on_error=False, description="choose a file")
    async def _choose_validation(self) -> None:
        path = await choose_file(self, "Validation file")
        if path is not None:
            self.form.validation_file = path
            self.form_changed()
