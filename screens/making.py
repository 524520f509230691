"""Make training rows: task, examples, model, price, progress; below, what waits to be looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import Static

from screens.base import DeckScreen
from screens.chat_choices import KEY_SEPARATOR, MODEL_COLUMNS, model_options
from screens.choose import ChooseScreen, choose_file
from screens.confirm import ConfirmScreen
from screens.making_form import MakingForm, MakingPane
from screens.making_lines import RUN_COLUMNS, run_row, state_parts
from screens.planned_form import PlannedForm, told_in_app
from tui.chat.model_names import short_model_name
from tui.errors import TunedeckError
from tui.proposals.definition import Answers
from tui.records.proposals import MakingKind, ProposalRun
from tui.safe_text import safe_line
from tui.widgets.choice_field import ChoiceField
from tui.widgets.keys import bindings
from tui.widgets.meter import Meter
from tui.widgets.table import Table
from tui.widgets.tones import Part, content

if TYPE_CHECKING:
    from tui.evals.background import BackgroundRun, RunState
    from tui.proposals.plan import ProposalPlan
    from tui.proposals.run import ProposalOutcome


class MakingScreen(PlannedForm, inherit_bindings=False):
    """The form, what it comes to, the run, and the queues.

    Args:
        path: File of examples; None begins without.
        lines: Only these of its rows.
    """

    PLACE = "datasets"
    STATE = "#making-state"
    CSS_PATH = "making.tcss"
    AUTO_FOCUS = "#kind"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - Textual's own type
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("making"), *DeckScreen.BINDINGS]
    HELP = """
    A model proposes rows; you keep, edit or reject each, and only what is kept is added to a training file.
    ctrl+l says what it costs and asks. What a model writes is checked by the rules and compared with the
    file, with held-out rows and with earlier proposals before you see it. Below stand the queues: enter
    opens one. Answers are kept as they come, also when you leave: ctrl+t stops, and a second start goes on.
    """

    @dataclass
    class Planned(Message):
        """What the form comes to is known, or why it does not."""

        turn: int
        plan: ProposalPlan | None
        problem: str = ""

    @dataclass
    class Read(Message):
        """The store was read."""

        runs: Sequence[ProposalRun]

    def __init__(self, path: Path | None = None, lines: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.form = MakingForm()
        if path is not None:
            self.form.take_examples(path, lines)
        self.plan: ProposalPlan | None = None
        self._runs: Sequence[ProposalRun] = ()

    def compose_body(self) -> ComposeResult:
        """Yield the form, the plan, progress, and the queues."""
        yield MakingPane(self.form)
        yield Static("", id="making-plan", markup=False)
        yield Meter(id="making-meter", ascii_only=self.services.settings.ascii)
        yield Static("", id="making-state", markup=False)
        yield Table(
            *RUN_COLUMNS, id="making-runs", classes="pane", empty="Nothing was proposed yet.",
            title="Proposed rows",
        )  # fmt: skip

    def on_mount(self) -> None:
        """Choose a model to begin with, read the queues, and follow what is under way."""
        self.query_one(Meter).display = False
        self.query_one(MakingPane).show_form()
        self._find_model()
        self.read_runs()
        self.follow_run()

    def on_screen_resume(self) -> None:
        """Read the queues again: a review has changed them."""
        if self.is_mounted:
            self.read_runs()

    # Reading and planning, in threads

    @work(thread=True, group="making-model", exclusive=True, exit_on_error=False, description="find a model")
    def _find_model(self) -> None:
        from tui.chat.models import default_lanes

        recorded: list[tuple[str, str]] = []
        try:
            lane = default_lanes(self.services)[0]  # the base: what is tuned for one task writes no other
            for one in self.services.store.recordings():
                recorded.append((one.id, f"{short_model_name(one.model)}, {one.answered:,} answers"))
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
            return
        self.post_from_thread(self._take_found, (lane.account, lane.model), recorded)

    def _take_found(self, model: tuple[str, str], recorded: list[tuple[str, str]]) -> None:
        form = self.form
        form.model, form.recordings = form.model or model, recorded
        form.recording = form.recording or (recorded[0][0] if recorded else "")
        self.form_changed(at_once=True)

    @work(thread=True, group="making-runs", exclusive=True, exit_on_error=False, description="read queues")
    def read_runs(self) -> None:
        """Read the queues anew."""
        try:
            self.post_message(self.Read(self.services.store.proposal_runs()))
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)

    @on(Read)
    def _show_runs(self, message: Read) -> None:
        self._runs = message.runs
        self.query_one("#making-runs", Table).set_rows([run_row(one) for one in message.runs])
        self.refresh_bindings()

    def forget_plan(self) -> None:
        """Drop what the form came to before it changed."""
        self.plan = None

    def show_planned(self) -> None:
        """Show the form, and what it comes to as far as that is known."""
        self.query_one(MakingPane).show_form()
        self._show_plan()

    def plan_form(self) -> None:
        """Reckon what the form comes to, in a thread."""
        self._plan_form(replace(self.form), self.turn)

    @work(thread=True, group="plan-making", exclusive=True, exit_on_error=False, description="price rows")
    def _plan_form(self, form: MakingForm, turn: int) -> None:
        from tui.proposals.setup import planned_making

        try:
            self.post_message(self.Planned(turn, planned_making(self.services, form.wish())))
        except TunedeckError as error:
            self.post_message(self.Planned(turn, None, told_in_app(error)))

    @on(Planned)
    def _take_plan(self, message: Planned) -> None:
        if message.turn == self.turn:
            self.plan, self.problem = message.plan, message.problem
            self._show_plan()

    def _show_plan(self) -> None:
        waiting = "Reckoned once the run is over." if self.was_running else "Reckoning…"
        words: Part = ("" if self.form.problems() else waiting, "muted")
        if self.problem:
            words = (safe_line(self.problem, 400), "bad")
        elif self.plan is not None:
            words = (self.plan.words, "accent")
        self.query_one("#making-plan", Static).update(content(words))
        self.refresh_bindings()

    # Fields

    @on(ChoiceField.Changed)
    def _changed(self, message: ChoiceField.Changed) -> None:
        form, value = self.form, message.value
        match message.field.id:
            case "kind":
                form.kind, form.answers = MakingKind(value), None
            case "examples":
                form.examples, form.lines = (Path(value) if value else None), ()
            case "recording":
                form.recording = value
            case "answers":
                form.answers = Answers(value)
            case "target":
                form.target = Path(value) if value else None
        self.form_changed()

    @on(ChoiceField.Opened)
    def _opened(self, message: ChoiceField.Opened) -> None:
        if message.field.id == "model":
            self._choose_model()
        elif message.field.id in ("examples", "target"):
            self._choose_path(message.field.id)

    @work(group="choose", exclusive=True, exit_on_error=False)
    async def _choose_path(self, name: str) -> None:
        title = "Rows to make new ones of" if name == "examples" else "Which training file they are added to"
        path = await choose_file(self, title)
        if path is None:
            return
        if name == "examples":
            self.form.take_examples(path)
        else:
            self.form.target = path
        self.form_changed(at_once=True)

    @work(group="choose", exclusive=True, exit_on_error=False)
    async def _choose_model(self) -> None:
        from tui.chat.models import known_models

        options = model_options(known_models(self.services), self.services.accounts())
        chosen = await self.app.push_screen_wait(
            ChooseScreen("Who writes the rows", MODEL_COLUMNS, options, hint="part of a name")
        )
        if chosen:
            account, _, model = chosen.partition(KEY_SEPARATOR)
            self.form.model = (account, model)
            self.form_changed(at_once=True)

    # The run

    @property
    def background(self) -> BackgroundRun[ProposalPlan, ProposalOutcome]:
        """The making that runs, or ran last."""
        return self.services.runs.making

    def state_parts(self, state: RunState[ProposalPlan, ProposalOutcome]) -> Sequence[Part]:
        """Return how it stands."""
        return state_parts(state)

    def run_turned(self) -> None:
        """Once the run is over, read the queues, and reckon anew."""
        self.read_runs()
        if not self.was_running:
            self.form_changed(at_once=True)

    def reason_against(self, action: str) -> str:
        """Return why a key can't act now."""
        match action:
            case "start_making" if self.was_running:
                return "Rows are being made; ctrl+t stops it."
            case "start_making" if self.form.problems():
                return "Fill in what is marked first."
            case "start_making" if self.plan is None:
                return safe_line(self.problem, 200) or "Reckoning what it costs…"
            case "stop_run" if not self.was_running:
                return "Nothing is being made."
            case "review_rows" if not self._runs:
                return "Nothing was proposed yet."
        return ""

    @work(group="start-making", exclusive=True, exit_on_error=False, description="start making rows")
    async def action_start_making(self) -> None:
        """Show the price, ask where it costs, and begin; never more than the shown limit is spent."""
        plan = self.plan
        if plan is None:
            return
        if not plan.is_free:
            cap = plan.max_cost
            high = "not known" if plan.price is None else plan.price.words
            never = f"{cap} (your cap)" if cap is not None else "no limit" if plan.price is None else high
            dialog = ConfirmScreen(
                "Let this model write rows?", yes="ask it",
                facts=[("Model", plan.definition.lane.model if plan.definition.lane else ""),
                       ("To ask", f"up to {plan.unknown:,} askings"), ("Price", high),
                       ("Never more than", never)],
                warning="Nobody knows what this costs; the service charges it." if plan.price is None else "",
            )  # fmt: skip
            if not await self.app.push_screen_wait(dialog):
                return
            if cap is None and plan.price is not None:
                plan = replace(plan, max_cost=plan.price.high)
        try:
            await asyncio.to_thread(self.background.start, plan)
        except TunedeckError as error:
            self.tell_error(error)
        self.look_at_run()

    def action_stop_run(self) -> None:
        """Stop asking; what was answered is kept."""
        self.stop_run()

    def action_review_rows(self) -> None:
        """Look at the rows of the newest queue."""
        if self._runs:
            self.navigator.open_review(self._runs[0].id)

    @on(Table.Chosen, "#making-runs")
    def _open_run(self, message: Table.Chosen) -> None:
        self.navigator.open_review(message.key)
