"""Two answers without names: one key says which is better, and the counts say when that is enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.message import Message
from textual.widgets import Static

from screens.base import DeckScreen
from screens.compare_blind_asking import AsksBlind
from screens.compare_blind_export import ExportsPairs
from screens.compare_told import told_lines
from screens.confirm import ConfirmScreen
from screens.readings import Readings
from tui.errors import TunedeckError
from tui.evals.compare.asking import ComparePlan
from tui.evals.compare.blind import BlindRating
from tui.evals.compare.live import lane_answer
from tui.evals.compare.marks import Marked, marked
from tui.evals.compare.session import BlindView, RatingSession
from tui.evals.compare.standing import standing_words
from tui.safe_text import safe_line, safe_text
from tui.widgets.answer_pane import AnswerPane, answer_words
from tui.widgets.keys import bindings
from tui.widgets.tones import content, content_lines

LONGEST_QUESTION = 2_000
"""Characters of a question that are shown."""


class BlindScreen(AsksBlind, ExportsPairs, inherit_bindings=False):
    """A blind comparison from its first pair to its result.

    Args:
        comparison_id: Kept already.
        ask: Ask at once for the answers that are missing, after the price was agreed to.
    """

    PLACE = "chat"
    CSS_PATH = "compare.tcss"
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (60, "-wide")]  # noqa: RUF012 - Textual's own type
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("blind"), *DeckScreen.BINDINGS]
    HELP = """
    Which model stands left was drawn by lot and kept before you saw it; names are told at the end, or by n.
    Each rating is kept as you give it: leave whenever you like, B in Side by side goes on here. The line
    below counts, and says when more ratings would hardly change the outcome. e writes what you preferred as a
    file to train on. Answers go on coming when you leave this screen; x ends that.
    """

    @dataclass
    class Read(Message):
        """The store was read."""

        view: BlindView
        marks: Marked | None

    @dataclass
    class Planned(Message):
        """It is known what is missing."""

        plan: ComparePlan
        reading: int

    @dataclass
    class Failed(Message):
        """Something could not be done."""

        error: TunedeckError

    def __init__(self, comparison_id: str, *, ask: bool = False) -> None:
        super().__init__()
        self._comparison_id = comparison_id
        self._wants_to_ask = ask
        self._session: RatingSession | None = None
        self._view: BlindView | None = None
        self._marks: Marked | None = None
        self._plans = Readings()
        self._busy = True
        """A rating is being kept, or the next pair read: what is typed then is meant for no pair."""
        self._read_again = False
        """More answers have come since."""
        self._told = False
        self._marking = False
        self._problem = ""
        """Why there is nothing to rate."""

    def compose_body(self) -> ComposeResult:
        """Yield state, question, both answers, the standing and the result."""
        yield Static("", id="blind-line", markup=False)
        yield Static("", id="blind-question", markup=False)
        with Container(id="panes"):
            yield AnswerPane(id="left")
            yield AnswerPane(id="right")
        yield Static("", id="blind-result", classes="pane", markup=False)
        yield Static("", id="blind-standing", markup=False)

    def on_mount(self) -> None:
        """Read what is kept."""
        for pane in self.query(AnswerPane):
            pane.can_focus = False
        self.query_one("#blind-result").border_title = "How it came out"
        self.follow(self.services.runs.blind(self._comparison_id))
        self._read_first()

    # Reading, in workers

    @work(thread=True, group="blind", exit_on_error=False, description="read a blind comparison")
    def _read_first(self) -> None:
        try:
            rating = BlindRating.resume(self.services, self._comparison_id)
            self._session = RatingSession(rating)
            self._post(self._session.view())
            reading = self._plans.begin()
            self.post_message(self.Planned(rating.plan(), reading))
        except TunedeckError as error:
            self.post_message(self.Failed(error))

    @work(thread=True, group="blind", exit_on_error=False, description="read or rate a pair")
    def _do(self, act: Callable[[RatingSession], BlindView]) -> None:
        if self._session is None:
            return
        try:
            self._post(act(self._session))
        except TunedeckError as error:
            self.post_message(self.Failed(error))

    def _post(self, view: BlindView) -> None:
        marks = None
        if view.left is not None and view.right is not None:
            both = (view.left, view.right)
            calls = [one.tool_calls for one in both]
            marks = marked([one.text for one in both], ((), ()), ("left", "right"), calls)
        self.post_message(self.Read(view, marks))

    @work(thread=True, group="blind-plan", exit_on_error=False, description="count what is missing")
    def _plan_again(self) -> None:
        if self._session is None:
            return
        reading = self._plans.begin()
        try:
            self.post_message(self.Planned(self._session.rating.plan(), reading))
        except TunedeckError as error:
            self.post_message(self.Failed(error))

    @on(Read)
    def _take(self, message: Read) -> None:
        self._view, self._marks, self._busy = message.view, message.marks, False
        if message.view.is_done:
            self._told = True
        self._show()
        if self._read_again:
            self._read_if_waiting()

    @on(Failed)
    def _fail(self, message: Failed) -> None:
        self._busy = self._view is None
        self._problem = message.error.message
        self.tell_error(message.error)
        self._show_line()

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """Let the keys work again, or say why there is nothing to rate."""
        if group not in ("blind", "blind-plan"):
            return super().work_broke_off(group, error)
        self._fail(self.Failed(error))
        return True

    @on(Planned)
    def _take_plan(self, message: Planned) -> None:
        if self._plans.is_stale(message.reading):
            return  # counted before the last answers came
        self.plan = message.plan
        self._show_line()
        self.refresh_bindings()
        if self._wants_to_ask:
            self._wants_to_ask = False
            if message.plan.unknown and not self.is_asking:
                self.action_ask_missing()

    # Answers that come

    @property
    def session(self) -> RatingSession | None:
        """The comparison; None while it is read."""
        return self._session

    def answer_came(self) -> None:
        """Read it, if a pair is waited for."""
        self._show_line()
        if self._busy:
            self._read_again = True  # what is being read may have been read before this answer came
        else:
            self._read_if_waiting()

    def asking_ended(self) -> None:
        """Count anew what is missing."""
        self._plan_again()
        self.refresh_bindings()

    def _read_if_waiting(self) -> None:
        if self._view is not None and self._view.round is None and not self._view.is_done:
            self._busy, self._read_again = True, False
            self._do(RatingSession.view)

    # Showing

    def _show(self) -> None:
        view = self._view
        if view is None:
            return
        question = content(
            ("> ", "accent"), safe_text(view.question[:LONGEST_QUESTION]) if view.round is not None else ""
        )
        line = self.query_one("#blind-question", Static)
        line.update(question)
        line.display = view.round is not None
        self.query_one("#panes").display = not (view.is_done and self._told)
        self._show_panes(view)
        result = self.query_one("#blind-result", Static)
        result.display = self._told
        if self._told and self._session is not None:
            result.update(content_lines(told_lines(self._session.rating)))
        words = view.standing
        if self._told and self._session is not None:
            words = standing_words(self._session.rating)
        self.query_one("#blind-standing", Static).update(content((" ".join(words), "muted")))
        self._show_line()
        self.refresh_bindings()

    def _show_panes(self, view: BlindView) -> None:
        for place, (name, answer) in enumerate((("left", view.left), ("right", view.right))):
            pane = self.query_one(f"#{name}", AnswerPane)
            pane.name_it(content((self._title(name, view), "strong")))
            if answer is None:
                pane.show(content(("" if view.is_done else "No pair to rate yet.", "muted")))
                continue
            marks = self._marks if self._marking else None
            pieces = marks.pieces(place, 1) if marks is not None else None
            calls = marks.call_pieces(place, 1) if marks is not None else None
            pane.show(answer_words(lane_answer(answer), pieces, calls))
            pane.scroll_home(animate=False)

    def _title(self, name: str, view: BlindView) -> str:
        if not self._told or view.round is None or self._session is None:
            return name.capitalize()
        first = (name == "left") == view.round.first_is_left
        side = self._session.rating.comparison.sides[0 if first else 1]
        return f"{name.capitalize()}: {safe_line(side.model, 60)}"

    def _show_line(self) -> None:
        view = self._view
        words = "Blind: "
        if view is not None and view.round is not None:
            words += f"pair {view.round.number:,} of {view.total:,}"
        elif view is not None:
            words += "all are rated" if view.is_done else "waiting for answers"
        else:
            words += safe_line(self._problem, 200) or "reading…"
        words += self.asking_words()
        self.query_one("#blind-line", Static).update(content((words, "strong")))

    # Keys

    def reason_against(self, action: str) -> str:
        """Return why a key can't act now."""
        view = self._view
        match action:
            case "rate" if view is None or view.round is None:
                return "There is no pair to rate now."
            case "take_back" | "export_pairs" if self._session is None or not self._session.can_take_back:
                return "Nothing is rated yet."
            case "tell_names" if self._told:
                return "The names are told."
            case "toggle_marks" | "scroll_both" if view is None or view.round is None:
                return "No pair is shown."
        return self.reason_against_asking(action)

    def action_rate(self, word: str) -> None:
        """Keep what is better and go on."""
        view = self._view
        if not self._busy and view is not None and view.round is not None:
            self._busy = True
            number = view.round.number
            self._do(lambda session: session.rate(number, word))

    def action_take_back(self) -> None:
        """Take the last rating back and show its pair again."""
        if not self._busy:
            self._busy = True
            self._do(RatingSession.take_back)

    @work(group="blind-names", exclusive=True, exit_on_error=False, description="tell the names")
    async def action_tell_names(self) -> None:
        """Say who is who; before the end only after a warning."""
        question = ConfirmScreen(
            "Tell the names before the end?", yes="tell them", no="stay blind",
            warning="What you rate after that is no longer blind.",
        )  # fmt: skip
        if await self.app.push_screen_wait(question):
            self._told = True
            self._show()

    def action_toggle_marks(self) -> None:
        """Mark the words that differ, or don't."""
        self._marking = not self._marking
        self._show()

    def action_scroll_both(self, lines: int) -> None:
        """Scroll both answers."""
        for pane in self.query(AnswerPane):
            pane.scroll_relative(y=lines, animate=False)
