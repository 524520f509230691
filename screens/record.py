"""Keep what models answer before they are shut down: whom, which questions, price, then progress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import Static

from screens.base import DeckScreen
from screens.choose import choose_file
from screens.follows_run import FollowsRun
from screens.record_export import ExportsRecordings
from screens.record_lines import (
    MODEL_COLUMNS,
    RECORDING_COLUMNS,
    lane_key,
    model_row,
    recording_row,
    source_words,
    state_words,
)
from screens.record_parity import ComparesRecordings
from tui.chat.lanes import Lane
from tui.errors import TunedeckError
from tui.records.recordings import Recording
from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.meter import Meter
from tui.widgets.table import Table
from tui.widgets.tones import Part, content
from tui.widgets.words import plural

if TYPE_CHECKING:
    from tui.evals.background import BackgroundRun, RunState
    from tui.evals.record import RecordPlan, RecordResult
    from tui.evals.record_source import Questions, Recordable


class RecordScreen(FollowsRun, ComparesRecordings, ExportsRecordings, inherit_bindings=False):
    """Models, questions, the price; below, what is recorded already.

    Args:
        models: Marked to begin with; none marks every tuned model that ends soon.
        path: Where questions are from; None asks for a file.
    """

    PLACE = "models"
    STATE = "#record-state"
    CSS_PATH = "record.tcss"
    AUTO_FOCUS = "#record-models"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - Textual's own type
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("record"), *DeckScreen.BINDINGS]
    HELP = """
    A tuned model ends with its base, and nobody can ask it after that. Mark the models with space, choose
    questions with f (a file) or h (your chats); s says what it costs and asks. Answers are kept as they come,
    also when you leave this screen. Nothing is asked twice. Below stands what is recorded: e writes golden
    answers, t a checked file to train a successor on, p compares it with another model.
    """

    @dataclass
    class Read(Message):
        """The store was read."""

        models: Sequence[Recordable]
        recordings: Sequence[Recording]

    @dataclass
    class Planned(Message):
        """What recording would cost is known, or why not."""

        plan: RecordPlan | None
        problem: str = ""

    def __init__(self, models: Sequence[tuple[str, str]] = (), path: Path | None = None) -> None:
        super().__init__()
        self._wanted = [Lane(account, model) for account, model in models]
        self._path, self._from_chats = path, False
        self._models: Sequence[Recordable] = ()
        self._recordings: Sequence[Recording] = ()
        self._marked: dict[Lane, None] = {}
        self._plan: RecordPlan | None = None
        self._problem = ""
        self._seen_done = 0

    def compose_body(self) -> ComposeResult:
        """Yield questions and price, the models, progress, and what is recorded."""
        yield Static("", id="record-plan", markup=False)
        yield Table(
            *MODEL_COLUMNS, id="record-models", classes="pane", empty="Reading…", title="Models to record"
        )
        yield Meter(id="record-meter", ascii_only=self.services.settings.ascii)
        yield Static("", id="record-state", markup=False)
        yield Table(
            *RECORDING_COLUMNS,
            id="recordings",
            classes="pane",
            empty="Nothing is recorded yet.",
            title="Recorded",
        )

    def on_mount(self) -> None:
        """Read, and follow what is being recorded."""
        self._show_plan()
        self._read_store(is_first=True)
        self.follow_run()

    # Reading and planning, in threads

    @work(
        thread=True,
        group="read-recordings",
        exclusive=True,
        exit_on_error=False,
        description="read recordings",
    )
    def _read_store(self, *, is_first: bool = False) -> None:
        from tui.evals.record_source import recordable_models
        from tui.money.lifetime import Lifetimes  # prices and dates; not for the paint

        try:
            lifetimes = Lifetimes(self.services.catalog, self.services.store.model_dates())
            models = recordable_models(self.services, lifetimes)
            recordings = self.services.store.recordings()
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
            return
        if is_first:
            ending = [one.lane for one in models if one.is_tuned and one.lifetime.ends_soon]
            self._marked = dict.fromkeys(self._wanted or ending)
        self.post_message(self.Read(models, recordings))

    @work(
        thread=True, group="count-answers", exclusive=True, exit_on_error=False, description="count answers"
    )
    def _read_recordings(self) -> None:
        try:
            found = self.services.store.recordings()
        except TunedeckError:
            return  # the recording itself tells what is wrong with the store
        self.post_from_thread(self._show_recordings, found)

    def _show_recordings(self, found: Sequence[Recording]) -> None:
        self._recordings = found
        self.query_one("#recordings", Table).set_rows([recording_row(one) for one in found])

    @on(Read)
    def _take(self, message: Read) -> None:
        self._models = message.models
        self.query_one(
            "#record-models", Table
        ).empty_text = "No account has listed a model that can be asked."
        self._show_models()
        self._show_recordings(message.recordings)
        self._plan_anew()

    def _plan_anew(self) -> None:
        self._plan, self._problem = None, ""
        self._show_plan()
        if self._marked and (self._path is not None or self._from_chats):
            self._make_plan(list(self._marked), self._path, self._from_chats)

    @work(
        thread=True,
        group="plan-recording",
        exclusive=True,
        exit_on_error=False,
        description="price a recording",
    )
    def _make_plan(self, lanes: list[Lane], path: Path | None, from_chats: bool) -> None:
        from tui.evals.record import plan_recording
        from tui.evals.record_source import questions_of_chats, questions_of_file

        try:
            questions: Questions
            if from_chats or path is None:
                questions = questions_of_chats(self.services.store)
            else:
                questions = questions_of_file(path)
            plan = plan_recording(self.services, questions.source, questions.cases, lanes)
        except TunedeckError as error:
            self.post_message(self.Planned(None, f"{error.message} {error.remedy}"))
            return
        self.post_message(self.Planned(plan))

    @on(Planned)
    def _take_plan(self, message: Planned) -> None:
        self._plan, self._problem = message.plan, message.problem
        self._show_plan()

    # Showing

    def _show_models(self) -> None:
        ascii_only = self.services.settings.ascii
        table = self.query_one("#record-models", Table)
        table.set_rows([model_row(one, self._marked, ascii_only=ascii_only) for one in self._models])
        table.refresh()

    def _show_plan(self) -> None:
        parts: list[Part] = [(plural(len(self._marked), "model"), "strong")]
        if self._from_chats:
            parts.append(("  questions of your chats", ""))
        elif self._path is not None:
            parts.append((f"  questions of {safe_line(self._path.name, 60)}", ""))
        else:
            parts.append(("  f chooses a file of questions, h takes your chats", "accent"))
        if self._problem:
            parts.append((f"\n{safe_line(self._problem, 300)}", "bad"))
        elif self._plan is not None:
            parts.append((f"\n{safe_line(self._plan.words, 300)}", "accent"))
        self.query_one("#record-plan", Static).update(content(*parts))
        self.refresh_bindings()

    @property
    def background(self) -> BackgroundRun[RecordPlan, RecordResult]:
        """The recording that runs, or ran last."""
        return self.services.runs.recording

    def state_parts(self, state: RunState[RecordPlan, RecordResult]) -> Sequence[Part]:
        """Return how it stands."""
        return [state_words(state)]

    def run_went_on(self, state: RunState[RecordPlan, RecordResult]) -> None:
        """Count the answers below anew."""
        if state.done != self._seen_done:
            self._seen_done = state.done
            self._read_recordings()

    def run_turned(self) -> None:
        """Read the store anew."""
        self._read_store()

    # Keys

    def reason_against(self, action: str) -> str:
        """Return why a key can't act now."""
        running = self.was_running
        match action:
            case "start_recording" if running:
                return "A recording is under way; x stops it."
            case "start_recording" if self._plan is None:
                return self._problem or "Mark a model with space, and choose questions with f or h first."
            case "start_recording" if self._plan is not None and not self._plan.plan.unknown:
                return "All of it is recorded already."
            case "stop_recording" if not running:
                return "Nothing is being recorded."
            case "write_golden" | "train_successor" | "compare_successor" if not self._recordings:
                return "Nothing is recorded yet."
            case "go_on" if running:
                return "A recording is under way; x stops it."
            case "go_on" if (one := self.chosen_recording()) is None or not one.missing:
                return "Nothing is missing in the recording under the cursor."
            case "mark_model" | "mark_ending" if not self._models:
                return "No model is known here."
        return ""

    @on(Table.Highlighted, "#recordings")
    def _regrey(self) -> None:
        self.refresh_bindings()

    def action_mark_model(self) -> None:
        """Mark the model under the cursor, or take its mark off."""
        key = self.query_one("#record-models", Table).row_key
        lane = next((one.lane for one in self._models if lane_key(one.lane) == key), None)
        if lane is None:
            return
        if lane in self._marked:
            del self._marked[lane]
        else:
            self._marked[lane] = None
        self._show_models()
        self._plan_anew()

    def action_mark_ending(self) -> None:
        """Mark every tuned model that ends within two months."""
        self._marked = {one.lane: None for one in self._models if one.is_tuned and one.lifetime.ends_soon}
        self._show_models()
        self._plan_anew()

    @work(group="choose-file", exclusive=True, exit_on_error=False)
    async def action_choose_questions(self) -> None:
        """Choose a file of questions."""
        path = await choose_file(self, "Whose questions are asked")
        if path is not None:
            self._path, self._from_chats = path, False
            self._plan_anew()

    def action_take_chats(self) -> None:
        """Ask what was asked in the app's own chats."""
        self._from_chats = True
        self._plan_anew()

    @work(
        thread=True, group="plan-recording", exclusive=True, exit_on_error=False, description="plan the rest"
    )
    def action_go_on(self) -> None:
        """Record what the recording under the cursor still lacks."""
        from tui.evals.record import plan_again

        recording = self.chosen_recording()
        if recording is None:
            return
        try:
            plan = plan_again(self.services, recording)
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
            return
        self.post_from_thread(self._start, plan)

    def _start(self, plan: RecordPlan) -> None:
        self._plan, self._problem = plan, ""
        self.action_start_recording()

    @work(group="start-recording", exclusive=True, exit_on_error=False, description="start a recording")
    async def action_start_recording(self) -> None:
        """Show price and time, ask, and begin; never more than the shown limit is spent."""

        plan = self._plan
        if plan is None:
            return
        facts = [
            ("Models", safe_line(", ".join(lane.model for lane in plan.lanes), 200)),
            ("Questions", source_words(plan.source)),
        ]
        await self.agree_and_start(plan, "Record these models?", facts)

    def action_stop_recording(self) -> None:
        """Stop asking; what was answered is kept."""
        self.stop_run()

    def known_lanes(self) -> list[Lane]:
        """Return the models that can be asked."""
        return [one.lane for one in self._models]

    def chosen_recording(self) -> Recording | None:
        """Return the recording under the cursor."""
        if not self.is_mounted:
            return None
        key = self.query_one("#recordings", Table).row_key
        return next((one for one in self._recordings if one.id == key), None)
