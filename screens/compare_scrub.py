"""One prompt through a job's training: left and right move from the base to the last checkpoint."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.message import Message
from textual.widgets import Static

from screens.base import DeckScreen
from screens.chat_settings import ChatSettings, ChatSettingsScreen
from screens.compare_base import NEW_SIDE
from screens.compare_choices import pane_facts
from screens.compare_scrub_stops import Found, read_found, stop_parts
from screens.confirm import ConfirmScreen
from screens.greyed_keys import GreyedKeys
from tui.chat.lanes import Lane, LaneAnswer
from tui.chat.trained_prompt import trained_prompt
from tui.errors import TunedeckError
from tui.evals.cases import Case
from tui.evals.compare.asking import ComparePlan, ask_sides, plan_sides
from tui.evals.compare.scrub import TrainingStop, stop_sides, training_stops
from tui.records.chats import ChatMessage
from tui.records.jobs import Job
from tui.safe_text import safe_line
from tui.widgets.answer_pane import AnswerPane, answer_words
from tui.widgets.keys import bindings
from tui.widgets.prompt_input import PromptInput
from tui.widgets.tones import content

INVITATION = "A prompt for the base, every checkpoint and the result; enter asks"
_TYPED = "typed prompts"


class ScrubScreen(GreyedKeys, inherit_bindings=False):
    """The answers of a job's models to one prompt, one at a time.

    Args:
        account: Whose job it is.
        job_id: The service's id.
    """

    PLACE = "jobs"
    CSS_PATH = "compare.tcss"
    AUTO_FOCUS = "PromptInput"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - Textual's own type
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("scrub"), *DeckScreen.BINDINGS]
    HELP = """
    The base model, every checkpoint and the result answer the same prompt, with the system prompt of the
    training file and the likeliest tokens, so that what changes is the training. Esc leaves the prompt; then
    left and right move. Words that the stop before did not say are bold and underlined. Answers are kept.
    """

    @dataclass
    class Prepared(Message):
        """The job's stops are known."""

        job: Job
        stops: tuple[TrainingStop, ...]
        system: str

    @dataclass
    class Planned(Message):
        """It is known what a prompt would cost."""

        case: Case
        plan: ComparePlan

    @dataclass
    class Answered(Message):
        """Some have answered."""

        found: Found
        ended: bool
        done: int = 0

    @dataclass
    class Failed(Message):
        """Something could not be done."""

        error: TunedeckError
        ended: bool = True

    def __init__(self, account: str, job_id: str) -> None:
        super().__init__()
        self._account, self._job_id = account, job_id
        self._job: Job | None = None
        self._stops: tuple[TrainingStop, ...] = ()
        self._place = 0
        self._settings = ChatSettings("", NEW_SIDE)
        self._found: Found | None = None
        self._run: threading.Event | None = None
        self._marking = True

    def compose_body(self) -> ComposeResult:
        """Yield the prompt asked, the stops of training, the answer, and the prompt line."""
        yield Static("", id="scrub-line", markup=False)
        yield Static("", id="stops", markup=False)
        with Container(id="panes"):
            yield AnswerPane(id="answer")
        yield Static("", id="parting", markup=False)
        yield PromptInput(placeholder=INVITATION, id="prompt")

    def on_mount(self) -> None:
        """Read which moments of the training can be asked."""
        self._prepare()

    def on_unmount(self) -> None:
        """Ask nothing more."""
        self._stop()

    @work(thread=True, group="scrub-prepare", exit_on_error=False, description="read a job's checkpoints")
    def _prepare(self) -> None:
        store = self.services.store
        try:
            job = store.job(self._account, self._job_id)
            if job is None:
                raise TunedeckError(f"No job {self._job_id} is kept here.")
            stops = training_stops(self.services, job)
        except TunedeckError as error:
            self.post_message(self.Failed(error))
            return
        system = trained_prompt(store, [Lane(job.account, stops[-1].model)])
        self.post_message(self.Prepared(job, stops, system))

    @on(Prepared)
    def _begin(self, message: Prepared) -> None:
        self._job, self._stops = message.job, message.stops
        self._settings = ChatSettings(message.system, NEW_SIDE)
        self._place = len(self._stops) - 1
        self._show()

    # Asking

    @property
    def _is_asking(self) -> bool:
        return self._run is not None and not self._run.is_set()

    @on(PromptInput.Sent)
    def _send(self, message: PromptInput.Sent) -> None:
        if self._is_asking or not self._stops:
            self.tell("Not now: esc stops what is being asked.", severity="warning")
            return
        self.query_one(PromptInput).accept()
        self._plan(Case(1, "1", (ChatMessage("user", message.text),)))

    @work(thread=True, group="scrub-plan", exclusive=True, exit_on_error=False, description="count the price")
    def _plan(self, case: Case) -> None:
        assert self._job is not None
        settings = self._settings
        sides = stop_sides(
            self._job, self._stops, system=settings.system or None, parameters=settings.parameters
        )
        try:
            self.post_message(self.Planned(case, plan_sides(self.services, _TYPED, [case], sides)))
        except TunedeckError as error:
            self.post_message(self.Failed(error))

    @on(Planned)
    @work(group="scrub-agree", exclusive=True, exit_on_error=False, description="agree to the price")
    async def _agree(self, message: Planned) -> None:
        if message.plan.unknown and not message.plan.is_free:
            question = ConfirmScreen(f"Ask them? {message.plan.words}", yes="ask them", no="ask nothing")
            if not await self.app.push_screen_wait(question):
                return
        self._run = threading.Event()
        nothing = (None,) * len(self._stops)
        self._found = Found(message.case, nothing, nothing)
        self._show()
        self._ask(self._run, message.case, message.plan)

    @work(thread=True, group="scrub-ask", exit_on_error=False, description="ask the checkpoints")
    def _ask(self, run: threading.Event, case: Case, plan: ComparePlan) -> None:
        def came(done: int, total: int) -> None:
            self.post_message(
                self.Answered(read_found(self.services, case, plan, self._stops), ended=False, done=done)
            )

        try:
            came(0, 0)
            ask_sides(self.services, plan, on_answer=came, cancelled=run.is_set)
        except TunedeckError as error:
            self.post_message(self.Failed(error, ended=False))
        self.post_message(self.Answered(read_found(self.services, case, plan, self._stops), ended=True))

    @on(Answered)
    def _take(self, message: Answered) -> None:
        self._found = message.found
        if message.ended:
            self._stop()
        self._show()

    @on(Failed)
    def _fail(self, message: Failed) -> None:
        self.tell_error(message.error)
        if message.ended:
            self._stop()
            self._show()

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """Say no more that anything is asked."""
        self._stop()
        self._show()
        return super().work_broke_off(group, error)

    def _stop(self) -> None:
        if self._run is not None:
            self._run.set()

    @on(PromptInput.Left)
    def _stop_or_leave(self) -> None:
        if self._is_asking:
            self._stop()
        else:
            self.query_one(AnswerPane).focus()

    def go_back(self) -> bool:
        """Stop asking first."""
        running = self._is_asking
        self._stop()
        return running

    # Showing

    def _show(self) -> None:
        found, answer = self._found, self._answer()
        question = safe_line(found.case.question, 200) if found is not None else "nothing asked yet"
        name = safe_line(self._job.suffix or self._job_id, 40) if self._job is not None else self._job_id
        state = "   asking… esc stops" if self._is_asking else ""
        self.query_one("#scrub-line", Static).update(
            content((f"Through the training of {name}: ", "muted"), (question, "strong"), (state, "accent"))
        )
        self.query_one("#stops", Static).update(
            content(*stop_parts(self._stops, self._place, found, ascii_only=self.services.settings.ascii))
        )
        pane = self.query_one(AnswerPane)
        if self._stops:
            stop = self._stops[self._place]
            pane.name_it(
                content((f"{stop.label}: ", "strong"), (safe_line(stop.model, 80), "muted")),
                pane_facts(answer),
            )
        marks = found.marks[self._place] if found is not None else None
        if answer is None:
            waiting = "Asked; the answer comes." if self._is_asking else "No answer of this stop."
            pane.show(content((waiting if found is not None else "Enter asks all stops.", "muted")))
        else:
            shown = marks if self._marking else None
            pieces = shown.pieces(1, 1) if shown is not None else None
            calls = shown.call_pieces(1, 1) if shown is not None else None
            pane.show(answer_words(answer, pieces, calls))
        self.query_one("#parting", Static).update(content((marks.sentence(1) if marks else "", "muted")))
        self.refresh_bindings()

    def _answer(self) -> LaneAnswer | None:
        return self._found.answers[self._place] if self._found is not None else None

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave out the key that leads to where the keys are."""
        if action == "write" and isinstance(self.focused, PromptInput):
            return False
        return super().check_action(action, parameters)

    def reason_against(self, action: str) -> str:
        """Return why a key can't act now."""
        if action in ("step_stop", "chat_stop", "edit_settings") and not self._stops:
            return "There is no moment of this training that can be asked yet."
        if action == "edit_settings" and self._is_asking:
            return "The prompt is still being answered: esc stops it."
        if action in ("copy_answer", "toggle_marks") and self._answer() is None:
            return "There is no answer here."
        return ""

    def action_write(self) -> None:
        """Go to the prompt."""
        self.query_one(PromptInput).focus()

    def action_step_stop(self, steps: int) -> None:
        """Show the answer at another moment of training."""
        self._place = max(0, min(len(self._stops) - 1, self._place + steps))
        self._show()

    def action_toggle_marks(self) -> None:
        """Mark what differs from the stop before, or don't."""
        self._marking = not self._marking
        self._show()

    def action_copy_answer(self) -> None:
        """Copy the whole answer."""
        answer = self._answer()
        if answer is not None:
            self.navigator.copy_text(answer.text, "answer")

    def action_chat_stop(self) -> None:
        """Talk to the model as it was at this stop."""
        self.navigator.open_chat((self._account, self._stops[self._place].model))

    @work(group="scrub-settings", exclusive=True, exit_on_error=False, description="change the settings")
    async def action_edit_settings(self) -> None:
        """Ask for the system prompt and the parameters; the prompt is asked again with them."""
        found = await self.app.push_screen_wait(ChatSettingsScreen(self._settings))
        if found is not None:
            self._settings = found
            if self._found is not None:
                self._plan(self._found.case)
