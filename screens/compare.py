"""Side by side: two to four models or checkpoints answer the same prompt, and where they differ is marked."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.message import Message
from textual.widgets import Static

from screens.base import DeckScreen
from screens.compare_base import NEW_SIDE
from screens.compare_choices import pane_facts, pane_labels, prompt_words
from screens.compare_setup import CompareSetup
from screens.confirm import ConfirmScreen
from screens.navigation import ModelChoice
from tui.chat.lanes import Lane, LaneAnswer
from tui.chat.models import default_lanes
from tui.chat.parameters import describe_parameters
from tui.chat.trained_prompt import trained_prompt
from tui.errors import TunedeckError
from tui.evals.cases import Case
from tui.evals.compare.asking import ComparePlan, plan_sides
from tui.evals.compare.live import FEWEST_SIDES, MOST_SIDES, stream_sides
from tui.evals.compare.marks import Marked, marked
from tui.records.chats import ChatMessage
from tui.records.comparisons import Side
from tui.safe_text import safe_line
from tui.widgets.answer_pane import AnswerPane, answer_words
from tui.widgets.keys import bindings
from tui.widgets.prompt_input import PromptInput
from tui.widgets.tones import content

INVITATION = "A prompt for all of them; enter asks, ctrl+j starts a new line"
TYPED = "typed prompts"


class CompareScreen(CompareSetup, inherit_bindings=False):
    """Panes with one answer each to the same prompt.

    Args:
        models: (account, model) pairs; the newest tuned model and its base when there are none.
    """

    PLACE = "chat"
    CSS_PATH = "compare.tcss"
    AUTO_FOCUS = "PromptInput"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - Textual's own type
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("compare"), *DeckScreen.BINDINGS]
    HELP = """
    Every pane answers the same prompt with its own system prompt and parameters: s changes those of the pane
    that [ and ] choose. Esc stops the answers, then leaves the prompt, so that the letters work. Words that
    the first pane and another one do not share are bold and underlined; the line below says at which token
    they part. Whole answers are kept: the same again is shown at once and asked of nobody.
    """

    @dataclass
    class Prepared(Message):
        """It is known who answers at first."""

        sides: tuple[Side, ...]

    @dataclass
    class Planned(Message):
        """It is known what a prompt would cost."""

        case: Case
        plan: ComparePlan

    @dataclass
    class Grew(Message):
        """Something arrived in a pane."""

        run: threading.Event
        place: int
        answer: LaneAnswer
        finished: bool

    @dataclass
    class Ended(Message):
        """All have answered, or it was stopped."""

        run: threading.Event
        marks: Marked | None

    @dataclass
    class Failed(Message):
        """A prompt could not be asked."""

        error: TunedeckError

    def __init__(self, models: Sequence[ModelChoice] = ()) -> None:
        super().__init__()
        self._models = tuple(models)
        self._case: Case | None = None
        self._answers: list[LaneAnswer | None] = []
        self._marks: Marked | None = None
        self._marking = True
        self._run: threading.Event | None = None

    def compose_body(self) -> ComposeResult:
        """Yield a line about the prompt, the panes, where they part, and the prompt."""
        yield Static("", id="compare-line", markup=False)
        yield Container(id="panes")
        yield Static("", id="parting", markup=False)
        yield PromptInput(placeholder=INVITATION, id="prompt")

    def on_mount(self) -> None:
        """Find out who answers."""
        self._prepare()

    def on_unmount(self) -> None:
        """Stop what is under way."""
        self.stop()

    @work(thread=True, group="compare-prepare", exit_on_error=False, description="find the models")
    def _prepare(self) -> None:
        lanes = [*self._models] or [(one.account, one.model) for one in default_lanes(self.services)]
        lanes = lanes[:MOST_SIDES]
        if len(lanes) < FEWEST_SIDES:
            lanes *= FEWEST_SIDES
        system = trained_prompt(self.services.store, [Lane(*one) for one in lanes]) or None
        self.post_message(
            self.Prepared(tuple(Side(account, model, system, NEW_SIDE) for account, model in lanes))
        )

    @on(Prepared)
    def _begin(self, message: Prepared) -> None:
        self.set_sides(message.sides)

    # Panes

    def set_sides(self, sides: tuple[Side, ...]) -> None:
        """Let these answer from now on."""
        self.stop()
        self.sides = sides
        self.active = min(self.active, len(sides) - 1)
        self._answers = [None] * len(sides)
        self._marks, self._case, self._run = None, None, None
        panes = self.query_one("#panes", Container)
        had_focus = isinstance(self.focused, AnswerPane)
        self.panes = [AnswerPane() for _ in sides]
        with self.app.batch_update():
            panes.remove_children()
            panes.mount_all(self.panes)
        if had_focus:
            self.panes[self.active].focus()  # else the prompt would take the next keys for its text
        self.call_after_refresh(self.show_all)

    def show_all(self) -> None:
        """Show everything anew."""
        for place in range(len(self.panes)):
            self._show_pane(place)
        self.show_line()
        self.refresh_bindings()

    def _show_pane(self, place: int) -> None:
        pane, side, answer = self.panes[place], self.sides[place], self._answers[place]
        is_active = place == self.active
        pane.set_class(is_active, "-active")
        mark: str = "▸ " if is_active else ""
        pane.name_it(
            content((mark, "accent"), (safe_line(pane_labels(self.sides)[place], 80), "strong")),
            safe_line(pane_facts(answer), 80) or safe_line(side.account, 40),
        )
        if answer is None:
            facts = [prompt_words(side), describe_parameters(side.parameters)]
            pane.show(content((safe_line(" · ".join(filter(None, facts)), 400), "muted")))
            return
        against = self.active or 1
        marks = self._marks if self._marking else None
        pieces = marks.pieces(place, against) if marks is not None else None
        calls = marks.call_pieces(place, against) if marks is not None else None
        pane.show(answer_words(answer, pieces, calls, whole=answer.finish_reason is not None))

    def show_line(self) -> None:
        """Show what is asked, and where the answers part."""
        if self.cases and self._case is not None:
            words = (
                f"{safe_line(Path(self.source).name, 40)}, prompt {self.place + 1:,} of {len(self.cases):,}: "
            )
        else:
            words = "Side by side" if self._case is None else ""
        question = safe_line(self._case.question, 200) if self._case is not None else ""
        state = "   asking… esc stops" if self.is_asking else ""
        self.query_one("#compare-line", Static).update(
            content((words, "muted"), (question, "strong"), (state, "accent"))
        )
        parting = self._marks.sentence(self.active or 1) if self._marks is not None else ""
        self.query_one("#parting", Static).update(content((parting, "muted")))

    # Asking

    @property
    def is_asking(self) -> bool:
        """True while an answer comes."""
        return self._run is not None and not self._run.is_set()

    @on(PromptInput.Sent)
    def _send(self, message: PromptInput.Sent) -> None:
        if self.is_asking or not self.sides:
            self.tell("The last prompt is still being answered: esc stops it.", severity="warning")
            return
        self.query_one(PromptInput).accept()
        self.cases = ()
        self.ask_case(TYPED, Case(1, "1", (ChatMessage("user", message.text),)))

    def ask_case(self, source: str, case: Case) -> None:
        """Ask all panes, after the price was agreed to where there is one."""
        self.source = source
        self._plan(case, self.sides)

    @work(
        thread=True, group="compare-plan", exclusive=True, exit_on_error=False, description="count the price"
    )
    def _plan(self, case: Case, sides: tuple[Side, ...]) -> None:
        try:
            self.post_message(self.Planned(case, plan_sides(self.services, self.source, [case], sides)))
        except TunedeckError as error:
            self.post_message(self.Failed(error))

    @on(Planned)
    @work(group="compare-agree", exclusive=True, exit_on_error=False, description="agree to the price")
    async def _agree(self, message: Planned) -> None:
        if message.plan.unknown and not message.plan.is_free:
            question = ConfirmScreen(f"Ask them? {message.plan.words}", yes="ask them", no="ask nothing")
            if not await self.app.push_screen_wait(question):
                return
        run = self._run = threading.Event()
        self._case, self._marks = message.case, None
        self._answers = [LaneAnswer()] * len(self.sides)
        self.show_all()
        self._ask(run, self.sides, message.case)

    @work(thread=True, group="compare-ask", exit_on_error=False, description="ask the models")
    def _ask(self, run: threading.Event, sides: tuple[Side, ...], case: Case) -> None:
        last: dict[int, LaneAnswer] = {}

        def grew(place: int, answer: LaneAnswer, finished: bool) -> None:
            last[place] = answer
            self.post_message(self.Grew(run, place, answer, finished))

        marks = None
        try:
            stream_sides(self.services, sides, case, run, grew)
            answers = [last.get(place, LaneAnswer()) for place in range(len(sides))]
            marks = marked(
                [one.text for one in answers],
                [one.logprobs for one in answers],
                pane_labels(sides),
                [one.tool_calls for one in answers],
            )
        except TunedeckError as error:
            self.post_message(self.Failed(error))
        self.post_message(self.Ended(run, marks))

    @on(Grew)
    def _grow(self, message: Grew) -> None:
        if message.run is not self._run or message.place >= len(self._answers):
            return
        self._answers[message.place] = message.answer
        self._show_pane(message.place)

    @on(Ended)
    def _end(self, message: Ended) -> None:
        message.run.set()
        if message.run is self._run:
            self._marks = message.marks
            self.show_all()

    @on(Failed)
    def _fail(self, message: Failed) -> None:
        self.tell_error(message.error)

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """Say no more that anything is asked."""
        if group == "compare-ask":
            self.stop()
            self.show_all()
        return super().work_broke_off(group, error)

    def stop(self) -> None:
        """End the answers that come."""
        if self._run is not None:
            self._run.set()

    @on(PromptInput.Left)
    def _stop_or_leave(self) -> None:
        if self.is_asking:
            self.stop()
        elif self.panes:
            self.panes[self.active].focus()

    def go_back(self) -> bool:
        """Stop the answers first, then leave the zoom."""
        if self.is_asking:
            self.stop()
            return True
        zoomed = self.has_class("-zoomed")
        self.remove_class("-zoomed")
        return zoomed

    # Keys

    def answer_of(self, place: int) -> LaneAnswer | None:
        """Return what a pane shows."""
        return self._answers[place] if place < len(self._answers) else None

    def change_side(self, side: Side) -> None:
        """Let another one answer in the active pane; the others keep what they show."""
        sides = list(self.sides)
        sides[self.active] = replace(side)
        case = self._case
        self.set_sides(tuple(sides))
        if case is not None:
            self.call_after_refresh(self.ask_case, self.source, case)

    def action_toggle_marks(self) -> None:
        """Mark the words that differ, or don't."""
        self._marking = not self._marking
        self.show_all()
