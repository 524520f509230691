"""One model's side of a conversation: one widget per message, and only the last messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.chat.lanes import Lane, LaneAnswer, Turn
from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.tones import content
from tui.widgets.turn_text import LiveAnswer, TurnLook, answer_content, question_content

TAIL = 10
"""Turns (a question with its answer) that are laid out at first, and added by each wish for more."""

EMPTY = "Nothing asked yet. Every model here gets the same question, and its answer stands below it."

LookOf = Callable[[Turn], TurnLook]
FactsOf = Callable[[Lane, LaneAnswer], str]


_PLAIN = TurnLook()


def _plain_look(turn: Turn) -> TurnLook:
    return _PLAIN


def _no_facts(lane: Lane, answer: LaneAnswer) -> str:
    return ""


class LaneView(VerticalScroll, inherit_bindings=False):
    """The conversation as one lane has it; follows its end unless scrolled away from it.

    Args:
        lane: Whose answers are shown.
        look_of: How a turn stands among its branches.
        facts_of: What an answer took, on a line.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("scroll")]
    DEFAULT_CSS = """
    LaneView { width: 1fr; height: 1fr; scrollbar-size-vertical: 1; }
    LaneView > Static { width: 1fr; height: auto; margin-bottom: 1; }
    """

    def __init__(
        self,
        lane: Lane,
        *,
        look_of: LookOf = _plain_look,
        facts_of: FactsOf = _no_facts,
        classes: str | None = None,
    ) -> None:
        super().__init__(classes=classes)
        self.lane = lane
        self._look_of = look_of
        self._facts_of = facts_of
        self._turns: Sequence[Turn] = ()
        self._questions: dict[int, Static] = {}
        """Turn -> the widget of its question, where it is laid out."""
        self._looks: dict[int, TurnLook] = {}
        """Turn -> how its question was drawn last."""
        self._shown = TAIL
        self._live: Static | None = None
        self._live_beginning = Static()
        """What has come and no longer changes: laid out again only when it grows."""
        self._live_shown: Content | None = None
        self._live_answer = LiveAnswer()
        self.border_title = Content(safe_line(lane.label, 100))
        kind = "tuned" if lane.is_tuned else "base"
        self.standing = f"{kind} · {safe_line(lane.account, 40)}"
        """Whether the model is a tuned one, and whose it is."""
        self._standing_shown = ""

    def show_standing(self, words: str) -> None:
        """Show this line under the lane; the same again draws nothing."""
        if words != self._standing_shown:
            self._standing_shown = words
            self.border_subtitle = content(words)

    def update_node_styles(self, animate: bool = True) -> None:
        """Restyle this pane alone: a message looks the same wherever the focus is, and many cost time."""
        self.app.stylesheet.update_nodes([self], animate=animate)

    def on_mount(self) -> None:
        """Follow the end."""
        self.anchor()

    @property
    def hidden_turns(self) -> int:
        """Earlier turns that are not laid out."""
        return max(0, len(self._turns) - self._shown)

    def show_turns(self, turns: Sequence[Turn]) -> None:
        """Show the end of a conversation, from its tail."""
        self._turns = list(turns)
        self._shown = TAIL
        self._lay_out()
        self.anchor()

    def show_more(self) -> None:
        """Lay out more of the earlier turns."""
        if self.hidden_turns:
            self._shown += TAIL
            self._lay_out()
            self.scroll_home(animate=False)

    def show_marks(self, turn: Turn | None) -> None:
        """Draw questions anew after the mark has moved to a turn, and bring it into view."""
        numbers = [one.number for one in self._turns]
        if turn is not None and turn.number in numbers:
            needed = len(numbers) - numbers.index(turn.number)
            if needed > self._shown:
                self._shown = needed + TAIL  # the next steps up need no layout of their own
                self._lay_out()
                self.call_after_refresh(self.show_marks, turn)
                return
        moved = [one for one in self._turns if one is turn or self._looks.get(one.number, _PLAIN).marked]
        for one in moved:
            if one.number in self._questions:
                # A mark stands on the line of who asked, which is never wrapped: nothing else has to move.
                self._questions[one.number].update(self._question(one), layout=False)
        if turn is not None and turn.number in self._questions:
            self._questions[turn.number].scroll_visible(animate=False, top=True)

    def _question(self, turn: Turn) -> Content:
        look = self._looks[turn.number] = self._look_of(turn)
        return question_content(turn, self.lane, look)

    def _lay_out(self) -> None:
        self._live = None
        self._questions, self._looks = {}, {}
        widgets: list[Static] = []
        if self.hidden_turns:
            note = content(("u", "accent"), (f" shows {self.hidden_turns} earlier", "muted"))
            widgets.append(Static(note))
        for turn in self._turns[-self._shown :]:
            asked = Static(self._question(turn))
            self._questions[turn.number] = asked
            widgets.append(asked)
            answer = turn.answers.get(self.lane)
            if answer is not None:
                widgets.append(Static(answer_content(answer, self._facts_of(self.lane, answer))))
        if not widgets:
            widgets.append(Static(content((EMPTY, "muted")), classes="empty"))
        with self.app.batch_update():
            self.remove_children()
            self.mount_all(widgets)

    def begin(self, turn: Turn, *, is_asked: bool = True) -> None:
        """Show a question and wait for its answer; the follow begins anew.

        Args:
            turn: What is asked.
            is_asked: Whether this lane is to answer.
        """
        self.query(".empty").remove()
        self._turns = [*self._turns, turn]
        self._shown += 1
        asked = Static(self._question(turn))
        self._questions[turn.number] = asked
        self.mount(asked)
        if is_asked:
            self._live_answer = LiveAnswer()
            self._live_beginning = Static()
            self._live_beginning.display = False
            self._live = Static(self._live_answer.parts(LaneAnswer())[1])
            self.mount(self._live_beginning, self._live)
        self.anchor()

    def grow(self, answer: LaneAnswer, *, finished: bool) -> None:
        """Show the answer as far as it has come."""
        if self._live is None:
            return
        if finished:
            with self.app.batch_update():
                self._live_beginning.remove()
                self._live.update(answer_content(answer, self._facts_of(self.lane, answer)))
            self._live = None
            return
        beginning, end = self._live_answer.parts(answer)
        if beginning.plain and beginning is not self._live_shown:
            self._live_shown = beginning
            self._live_beginning.update(beginning)
            self._live_beginning.display = True
        self._live.update(end)
