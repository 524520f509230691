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
from screens.follows_run import FollowsRun
from screens.readings import Readings
from screens.record_export import ExportsRecordings
from screens.record_lines import (
    MODEL_COLUMNS,
    RECORDING_COLUMNS,
    recording_row,
    source_words,
    state_words,
)
from screens.record_plan import PlansRecording
from tui.chat.lanes import Lane
from tui.errors import TunedeckError
from tui.records.recordings import Recording
from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.meter import Meter
from tui.widgets.table import Table
from tui.widgets.tones import Part

if TYPE_CHECKING:
    from tui.evals.background import BackgroundRun, RunState
    from tui.evals.record import RecordPlan, RecordResult
    from tui.evals.record_source import Recordable


_OF_RECORDINGS = ("train_successor", "compare_successor", "write_golden", "go_on")


class RecordScreen(FollowsRun, PlansRecording, ExportsRecordings, inherit_bindings=False):
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
        reading: int
        """Number of the reading of the recordings."""

    def __init__(self, models: Sequence[tuple[str, str]] = (), path: Path | None = None) -> None:
        super().__init__()
        self._wanted = [Lane(account, model) for account, model in models]
        self.path = path
        self._recordings: Sequence[Recording] = ()
        self._readings = Readings()
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
        self.show_plan()
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
            reading = self._readings.begin()
            recordings = self.services.store.recordings()
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
            return
        if is_first:
            ending = [one.lane for one in models if one.is_tuned and one.lifetime.ends_soon]
            self.marked = dict.fromkeys(self._wanted or ending)
        self.post_message(self.Read(models, recordings, reading))

    @work(
        thread=True, group="count-answers", exclusive=True, exit_on_error=False, description="count answers"
    )
    def _read_recordings(self) -> None:
        reading = self._readings.begin()
        try:
            found = self.services.store.recordings()
        except TunedeckError:
            return  # the recording itself tells what is wrong with the store
        self.post_from_thread(self._show_recordings, found, reading)

    def _show_recordings(self, found: Sequence[Recording], reading: int) -> None:
        if self._readings.is_stale(reading):
            return
        self._recordings = found
        self.query_one("#recordings", Table).set_rows([recording_row(one) for one in found])

    @on(Read)
    def _take(self, message: Read) -> None:
        self.models = message.models
        self.query_one(
            "#record-models", Table
        ).empty_text = "No account has listed a model that can be asked."
        self.show_models()
        self._show_recordings(message.recordings, message.reading)
        self.plan_anew()

    # Showing

    @property
    def background(self) -> BackgroundRun[RecordPlan, RecordResult]:
        """The recording that runs, or ran last."""
        return self.services.runs.recording

    def state_parts(self, state: RunState[RecordPlan, RecordResult]) -> Sequence[Part]:
        """Return how it stands."""
        return [state_words(state)]

    def run_went_on(self, state: RunState[RecordPlan, RecordResult]) -> None:
        """Count the answers below anew; what has just begun stands there once its run has kept it."""
        if state.done != self._seen_done or not self._lists(state.plan):
            self._seen_done = state.done
            self._read_recordings()

    def _lists(self, plan: RecordPlan | None) -> bool:
        listed = {(Lane(one.account, one.model), one.source) for one in self._recordings}
        return plan is None or all((lane, plan.source) in listed for lane in plan.lanes)

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
            case "start_recording" if self.plan is None:
                return self.problem or "Mark a model with space, and choose questions with f or h first."
            case "start_recording" if self.plan is not None and not self.plan.plan.unknown:
                return "All of it is recorded already."
            case "stop_recording" if not running:
                return "Nothing is being recorded."
            case "write_golden" | "train_successor" | "compare_successor" if not self._recordings:
                return "Nothing is recorded yet."
            case "go_on" if running:
                return "A recording is under way; x stops it."
            case "go_on" if (one := self.chosen_recording()) is None or not one.missing:
                return "Nothing is missing in the recording under the cursor."
            case "mark_model" | "mark_ending" if not self.models:
                return "No model is known here."
        return ""

    @on(Table.Highlighted, "#recordings")
    def _regrey(self) -> None:
        self.refresh_bindings()

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
        self.plan, self.problem = plan, ""
        self.action_start_recording()

    @work(group="start-recording", exclusive=True, exit_on_error=False, description="start a recording")
    async def action_start_recording(self) -> None:
        """Show price and time, ask, and begin; never more than the shown limit is spent."""

        plan = self.plan
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

    def action_compare_successor(self) -> None:
        """Compare the recording under the cursor with a model that may take its place."""
        recording = self.chosen_recording()
        if recording is not None:
            self.navigator.open_parity(recording.id)

    def action_diet_model(self) -> None:
        """Try how short the system prompt of the first marked model may be."""
        lane = next(iter(self.marked), None)
        self.navigator.open_diet((lane.account, lane.model) if lane is not None else None)

    @property
    def keys_first(self) -> Sequence[str]:
        """Those about recordings while that list has the keys."""
        focused = self.focused
        return _OF_RECORDINGS if focused is not None and focused.id == "recordings" else ()

    def chosen_recording(self) -> Recording | None:
        """Return the recording under the cursor."""
        if not self.is_mounted:
            return None
        key = self.query_one("#recordings", Table).row_key
        return next((one for one in self._recordings if one.id == key), None)
