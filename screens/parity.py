"""A recorded model against its successor: what was recorded, who takes its place, price, progress, result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType

from screens.base import DeckScreen
from screens.choose import choose_file
from screens.evaluate_facts import run_parts
from screens.evaluate_pane import EvaluatePane
from screens.examining import ExaminingScreen
from screens.navigation import ModelChoice
from screens.parity_form import ParityForm, ParityPane
from screens.record_lines import source_words
from tui.records.recordings import Recording
from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.tones import Part

if TYPE_CHECKING:
    from tui.evals.background import BackgroundRun, RunState
    from tui.evals.parity import ParityPlan, ParityReport
    from tui.evals.plan import EvalPlan
    from tui.evals.test_set import TestSet


class ParityScreen(ExaminingScreen[ParityForm, "ParityPlan"], inherit_bindings=False):
    """A form that starts with a recording, and the run that it starts.

    Args:
        recording: Id of what was recorded; empty takes what was recorded of `model`, else the newest.
        model: Account and id of a recorded model, or of the one that takes its place.
    """

    START = "start_parity"
    VERB = "Compare"
    MODEL_TITLE = "Who takes its place?"
    AUTO_FOCUS = "#model"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("parity"), *DeckScreen.BINDINGS]
    HELP = """
    The recorded model is not asked: its kept answers stand for it. The successor is asked the same with the
    same parameters; ctrl+l says what it costs and asks. Answers are kept as they come, also when you leave
    this screen: ctrl+t stops, and a second start goes on where it was. Agreement says how alike both are; a
    check says which is right, where the rows name a right answer.
    """

    def __init__(self, recording: str = "", model: ModelChoice | None = None) -> None:
        super().__init__(ParityForm(model, old=recording))

    def pane(self) -> EvaluatePane:
        """Return the form's widget."""
        return ParityPane(self.form)

    @property
    def background(self) -> BackgroundRun[ParityPlan, ParityReport]:
        """The comparison that runs, or ran last."""
        return self.services.runs.parity

    def state_parts(self, state: RunState[ParityPlan, ParityReport]) -> Sequence[Part]:
        """Return how it stands, or what came out."""
        from tui.evals.parity_report import sentences  # not needed before one has run

        report = state.result
        return (
            run_parts(state, ())
            if report is None
            else run_parts(state, sentences(report), report.why_incomplete)
        )

    def asked(self, plan: ParityPlan) -> EvalPlan:
        """Return what it asks."""
        return plan.plan

    def prepare(self) -> None:
        """Read what is recorded."""
        self._read_recordings()

    @work(thread=True, group="recordings", exclusive=True, exit_on_error=False, description="read recordings")
    def _read_recordings(self) -> None:
        self.post_from_thread(self._take_recordings, self.services.store.recordings())

    def _take_recordings(self, found: Sequence[Recording]) -> None:
        form = self.form
        mine = next((one for one in found if (one.account, one.model) == form.model), None)
        if not form.old and mine is not None:
            form.old, form.model = mine.id, None  # who comes with a recorded model looks for its successor
        form.take(found)
        self.form_changed(at_once=True)

    def make_plan(self, form: ParityForm, suggest: Callable[[TestSet], tuple[str, ...]]) -> ParityPlan:
        """Return what the form comes to."""
        from tui.evals.parity_setup import planned_parity
        from tui.evals.prompt_cut import read_prompt

        prompt = read_prompt(form.system) if form.system is not None else None
        return planned_parity(self.services, form.parity_wish(prompt))

    def take_choice(self, name: str, value: str) -> None:
        """Put a choice into the form."""
        match name:
            case "old":
                self.form.old = value
            case "test-set":
                self.form.other_file = Path(value) if value else None
            case "system":
                self.form.system = Path(value) if value else None
            case "agreement":
                self.form.agreement = value

    def open_field(self, name: str) -> None:
        """Offer more than the choices of a field."""
        if name == "system":
            self._choose_prompt()
        elif name == "agreement":
            self._choose_agreement()
        else:
            super().open_field(name)

    @work(group="choose", exclusive=True, exit_on_error=False, description="choose a prompt")
    async def _choose_prompt(self) -> None:
        path = await choose_file(self, "Which file holds the successor's prompt")
        if path is not None:
            self.form.system = path
            self.form_changed(at_once=True)

    @work(group="choose", exclusive=True, exit_on_error=False, description="choose an agreement")
    async def _choose_agreement(self) -> None:
        chosen = await self.ask_check("How alike two answers are", ())
        if chosen:
            self.form.agreement = chosen
            self.form_changed(at_once=True)

    @work(group="start-parity", exclusive=True, exit_on_error=False, description="compare with a successor")
    async def action_start_parity(self) -> None:
        """Show price and time, ask, and begin; never more than the shown limit is spent."""
        plan, recording = self.plan, self.form.recording
        if plan is not None and recording is not None:
            facts = [
                ("Recorded", safe_line(plan.old.lane.model, 200)),
                ("Model", safe_line(plan.new.label, 200)),
                ("Questions of", source_words(recording.source)),
            ]
            await self.agree_and_start(plan, "Ask the new model?", facts)

    def action_show_result(self) -> None:
        """Show what the last run found."""
        from screens.parity_result import ParityResultScreen  # not needed before there is a result

        report = self.background.state.result
        if report is not None:
            self.app.push_screen(ParityResultScreen(report))
