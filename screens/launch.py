"""Launch: a form that starts complete, what speaks for and against it live, one confirmation, one job."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.events import DescendantFocus
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from screens.base import DeckScreen
from screens.choose import choose_file
from screens.confirm import ConfirmScreen
from screens.greyed_keys import GreyedKeys
from screens.launch_facts import button_text, confirm_facts, preflight_lines, time_of
from screens.launch_form import AUTO, NUMBERS, LaunchForm, hints
from screens.launch_send import SendsPlan
from screens.preflight_pane import PreflightPane
from tui.errors import TunedeckError
from tui.jobs.plan import LaunchPlan, PreflightLine, may_launch
from tui.jobs.preflight import estimate_plan, preflight
from tui.jobs.reports import file_sha256, report_for
from tui.money.estimate import Estimate
from tui.records.jobs import Method
from tui.safe_text import safe_line
from tui.widgets.choice_field import ChoiceField
from tui.widgets.keys import bindings
from tui.widgets.meter import Meter
from tui.widgets.press_button import PressButton
from tui.widgets.tones import content
from tui.widgets.words import place

DEBOUNCE_SECONDS = 0.2
ROWS: tuple[tuple[str, str], ...] = (
    ("training", "Training file"),
    ("account", "Account"),
    ("model", "Model"),
    ("method", "Method"),
    ("validation", "Validation"),
    ("n_epochs", "Epochs"),
    ("batch_size", "Batch size"),
    ("learning_rate_multiplier", "Rate multiplier"),
    ("beta", "Beta"),
    ("seed", "Seed"),
    ("suffix", "Suffix"),
)
"""Field -> its label, in the order of the form and of tab."""
CHOICES = ("training", "account", "model", "method", "validation")


@dataclass(frozen=True, slots=True)
class Readiness:
    """What was found out about a plan."""

    plan: LaunchPlan
    lines: list[PreflightLine]
    estimate: Estimate | None
    examples: int
    rates: list[float]
    format: str

    @property
    def may_launch(self) -> bool:
        """True when nothing forbids it and the price is known."""
        return self.estimate is not None and may_launch(self.lines)


class LaunchScreen(SendsPlan, GreyedKeys, inherit_bindings=False):
    """The form for a fine-tuning job.

    Args:
        path: Training file to start with.
    """

    PLACE = "launch"
    CSS_PATH = "launch.tcss"
    AUTO_FOCUS = "#training"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012 - Textual's own type
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("launch"), *DeckScreen.BINDINGS]
    HELP = """
Every field is filled in; auto leaves a number to the service, and the note beside it says what that comes to.
Arrow keys change a choice, enter goes on, ctrl+l launches. Nothing is sent before you confirm the price.
"""

    @dataclass
    class Judged(Message):
        """The preflight is through."""

        readiness: Readiness

    def __init__(self, path: Path | None) -> None:
        super().__init__()
        self.form = LaunchForm(training=path)
        self._readiness: Readiness | None = None
        self._wanted: LaunchPlan | None = None
        self._examples = 0
        self._timer: Timer | None = None
        self._method_chosen = False

    def compose_body(self) -> ComposeResult:
        """Yield the form, the preflight and the button."""
        with Horizontal(id="launch-body"):
            with Vertical(id="launch-form", classes="pane"):
                for name, label in ROWS:
                    with Horizontal(classes="row", id=f"row-{name}"):
                        yield Static(label, classes="label", markup=False)
                        yield ChoiceField(id=name) if name in CHOICES else Input(id=name, compact=True)
                        yield Static("", classes="note", id=f"note-{name}", markup=False)
                yield Static("", id="launch-hint", markup=False)
            yield PreflightPane(id="preflight", classes="pane")
        yield PressButton(id="launch-button")
        yield Meter(id="launch-progress")

    def on_mount(self) -> None:
        """Fill the form."""
        self.query_one("#launch-form").border_title = "New job"
        self.query_one("#preflight").border_title = "Before the launch"
        self.query_one(Meter).display = False
        settings = self.services.settings
        self.form.account = settings.default_account
        self.form.model = settings.default_model
        for name in NUMBERS:
            self.query_one(f"#{name}", Input).value = AUTO
        self.query_one("#suffix", Input).placeholder = "none"
        self._form_changed()

    def show_path(self, path: Path) -> None:
        """Turn to another training file; the rest of the form stays."""
        self.form.training = path
        self._method_chosen = False
        self._examples = 0
        self._form_changed()

    # The form

    def _form_changed(self) -> None:
        self._offer_choices()
        self._readiness = None
        self._wanted = None
        self._show_notes()
        self._show_readiness()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(DEBOUNCE_SECONDS, self._judge_form)

    def _offer_choices(self) -> None:
        form = self.form
        services = self.services
        accounts = services.accounts()
        provider = next((one.provider for one in accounts if one.name == form.account), form.account)
        models = [model for model in services.catalog.trainable() if model.provider == provider]
        known = [model.id for model in models]
        known += [
            one.id for one in services.store.models(form.account) if one.can_train and one.id not in known
        ]
        if form.model not in known:
            form.model = known[0] if known else ""
        fitting = services.catalog.find(form.model, provider)
        methods = list(fitting.methods) if fitting is not None else [Method.SUPERVISED]
        file = form.training.name if form.training is not None else "none yet: enter chooses one"
        aside = form.validation_file
        self._set("training", [("", file)], "")
        self._set("account", [(one.name, one.label) for one in accounts], form.account)
        self._set("model", [(name, name) for name in known], form.model)
        self._set("method", [(str(method), str(method)) for method in methods], str(form.method))
        kinds = [("split", "split 10 % off"), ("file", aside.name if aside else "a file"), ("none", "none")]
        self._set("validation", kinds, form.validation)
        self.query_one("#row-beta").display = form.method is Method.DPO

    def _set(self, name: str, options: list[tuple[str, str]], value: str) -> None:
        self.query_one(f"#{name}", ChoiceField).set_options(options, value)

    def _show_notes(self) -> None:
        problems = self.form.problems()
        known = hints(self.form, self._examples)
        for name, _ in ROWS:
            note = self.query_one(f"#note-{name}", Static)
            if name in problems:
                note.update(content((f"✗ {problems[name]}", "bad")))
                continue
            if name == "training" and self.form.training is not None:
                note.update(content((safe_line(place(self.form.training.parent), 200), "muted")))
                continue
            hint = known.get(name)
            left_open = name not in NUMBERS or self.form.numbers[name].strip() in ("", AUTO)
            arrow = "→ " if name in NUMBERS else ""
            note.update(
                content((f"{arrow}{hint.value}", "muted")) if hint and hint.value and left_open else ""
            )
        self._show_hint()

    def _show_hint(self) -> None:
        focused = self.focused.id if self.focused is not None else None
        hint = hints(self.form, self._examples).get(focused or "")
        words = {
            "training": "Enter chooses a file of yours or a shipped example.",
            "account": "Who trains: ←→ changes it. The local engine is free and needs no key.",
            "model": "What is trained: ←→ changes it.",
            "method": "Supervised learns answers; dpo learns which of two answers is preferred.",
        }
        text = hint.why if hint is not None else words.get(focused or "", "")
        self.query_one("#launch-hint", Static).update(content((safe_line(text), "muted")))

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Explain the field that has the keys."""
        self._show_hint()

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        name = message.input.id or ""
        if name == "suffix":
            if message.value == self.form.suffix:
                return
            self.form.suffix = message.value
        elif self.form.numbers.get(name) == message.value:
            return
        else:
            self.form.numbers[name] = message.value
        self._form_changed()

    @on(Input.Submitted)
    def _go_on(self) -> None:
        self.focus_next()

    @on(ChoiceField.Changed)
    def _chosen(self, message: ChoiceField.Changed) -> None:
        form = self.form
        match message.field.id:
            case "account":
                form.account = message.value
            case "model":
                form.model = message.value
            case "method":
                form.method = Method(message.value)
                self._method_chosen = True
            case "validation":
                form.validation = message.value
        self._form_changed()

    @on(ChoiceField.Opened)
    def _opened(self, message: ChoiceField.Opened) -> None:
        if message.field.id == "training":
            self.action_choose_file()
        elif message.field.id == "validation" and self.form.validation == "file":
            self._choose_validation()
        else:
            self.focus_next()

    # The preflight

    def _judge_form(self) -> None:
        if not self.form.problems() and not self.is_sending:
            self._wanted = self.form.plan()
            self._judge(self._wanted)

    @work(thread=True, group="preflight", exclusive=True, exit_on_error=False, description="check a launch")
    def _judge(self, plan: LaunchPlan) -> None:
        worker = get_current_worker()
        services = self.services
        examples, shape, estimate = 0, "", None
        try:
            model = services.catalog.model(plan.model, services.account(plan.account).provider)
            report = report_for(services, plan.training, model, cancelled=lambda: worker.is_cancelled)
            examples, shape = report.rows, report.format.value
            plan = replace(plan, training_sha256=file_sha256(plan.training))
            lines = preflight(plan, services)
            estimate = estimate_plan(plan, services)
        except TunedeckError as error:
            lines = [PreflightLine("stop", error.message, error.remedy)]
        if worker.is_cancelled:
            return
        rates = services.store.training_rates(plan.account)
        self.post_message(self.Judged(Readiness(plan, lines, estimate, examples, rates, shape)))

    @on(Judged)
    def _judged(self, message: Judged) -> None:
        readiness = message.readiness
        if self._wanted is None or readiness.plan.run_id != self._wanted.run_id:
            return
        self._examples = readiness.examples
        wanted = Method.DPO if readiness.format == "preference" else Method.SUPERVISED
        if not self._method_chosen and wanted is not self.form.method and readiness.format != "unknown":
            self.form.method = wanted
            self._method_chosen = True
            self._form_changed()
            return
        self._readiness = readiness
        self._show_notes()
        self._show_readiness()

    def _show_readiness(self) -> None:
        ready = self._readiness
        pane = self.query_one(PreflightPane)
        button = self.query_one(PressButton)
        if self.form.problems():
            pane.show_lines([(("", ""), [("Fill in what is marked.", "muted")])])
        elif ready is None:
            pane.show_lines([(("", ""), [("Looking…", "muted")])])
        else:
            pane.show_lines(preflight_lines(ready.lines))
        problem = self.reason_against("launch")
        estimate = ready.estimate if ready is not None else None
        time = time_of(estimate, ready.rates) if ready is not None else None
        button.set_label(button_text(estimate, time), enabled=not problem)
        self.refresh_bindings()

    # Keys

    def reason_against(self, action: str) -> str:
        """Return why nothing can be launched now."""
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
                facts=confirm_facts(ready.plan, estimate, time_of(estimate, ready.rates)),
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
            self._form_changed()

    def sending_progressed(self, stage: str, done: int, total: int) -> None:
        """Show how far the upload is."""
        meter = self.query_one(Meter)
        meter.fraction = done / total if total else 0.0
        meter.note = safe_line(stage, 60)

    def action_reset_field(self) -> None:
        """Set the focused number back to auto."""
        field = self.focused
        if isinstance(field, Input):
            field.value = AUTO if field.id in NUMBERS else ""
        elif isinstance(field, Widget):
            self.tell("This field has no auto: ←→ changes it.")

    @work(group="choose-file", exclusive=True, exit_on_error=False)
    async def action_choose_file(self) -> None:
        """Choose the training file."""
        path = await choose_file(self, "Training file")
        if path is not None:
            self.show_path(path)

    @work(group="choose-file", exclusive=True, exit_on_error=False)
    async def _choose_validation(self) -> None:
        path = await choose_file(self, "Validation file")
        if path is not None:
            self.form.validation_file = path
            self._form_changed()
