"""One model's side of a conversation: one widget per message, and only the last messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.chat.lanes import Lane, LaneAnswer, Turn, describe_speed
from tui.safe_text import safe_line, safe_text
from tui.widgets.keys import bindings
from tui.widgets.tones import Part, content

TAIL = 10
"""Turns (a question with its answer) that are laid out at first, and added by each wish for more."""

EMPTY = "Nothing asked yet. Every model here gets the same question, and its answer stands below it."


def question_content(question: str) -> Content:
    """Return what a person said."""
    return content(("you\n", "accent"), safe_text(question))


def answer_content(answer: LaneAnswer, *, live: bool = False) -> Content:
    """Return what a model said, how it ended, and how fast it was."""
    parts: list[Part] = [("model\n", "good"), (safe_text(answer.text), "")]
    if live:
        parts.append((" ▌" if answer.text else "…", "muted"))
        return content(*parts)
    if answer.failed:
        remedy = f" {answer.remedy}" if answer.remedy else ""
        parts.append(("\n" if answer.text else "", ""))
        parts.append((f"✗ {safe_text(answer.error)}", "bad"))
        parts.append((safe_text(remedy), ""))
        return content(*parts)
    if answer.is_cut:
        parts.append((f"\n✂ cut off: {safe_text(answer.error)}", "warning"))
    speed = describe_speed(answer)
    if speed:
        parts.append((f"\n{speed}" if answer.text else f"nothing · {speed}", "muted"))
    return content(*parts)


class LaneView(VerticalScroll, inherit_bindings=False):
    """The conversation as one lane has it; follows its end unless scrolled away from it.

    Args:
        lane: Whose answers are shown.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("scroll")]
    DEFAULT_CSS = """
    LaneView { width: 1fr; height: 1fr; scrollbar-size-vertical: 1; }
    LaneView > Static { width: 1fr; height: auto; margin-bottom: 1; }
    """

    def __init__(self, lane: Lane, *, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self.lane = lane
        self._turns: Sequence[Turn] = ()
        self._shown = TAIL
        self._live: Static | None = None
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
        self._turns = turns
        self._shown = TAIL
        self._lay_out()
        self.anchor()

    def show_more(self) -> None:
        """Lay out more of the earlier turns."""
        if self.hidden_turns:
            self._shown += TAIL
            self._lay_out()
            self.scroll_home(animate=False)

    def _lay_out(self) -> None:
        self._live = None
        widgets: list[Static] = []
        if self.hidden_turns:
            note = content(("u", "accent"), (f" shows {self.hidden_turns} earlier", "muted"))
            widgets.append(Static(note))
        for turn in self._turns[-self._shown :]:
            widgets.append(Static(question_content(turn.question)))
            answer = turn.answers.get(self.lane)
            if answer is not None:
                widgets.append(Static(answer_content(answer)))
        if not widgets:
            widgets.append(Static(content((EMPTY, "muted")), classes="empty"))
        with self.app.batch_update():
            self.remove_children()
            self.mount_all(widgets)

    def begin(self, question: str) -> None:
        """Show a question and wait for its answer; the follow begins anew."""
        self.query(".empty").remove()
        self._live = Static(answer_content(LaneAnswer(), live=True))
        self.mount(Static(question_content(question)), self._live)
        self.anchor()

    def grow(self, answer: LaneAnswer, *, finished: bool) -> None:
        """Show the answer as far as it has come."""
        if self._live is None:
            return
        self._live.update(answer_content(answer, live=not finished))
        if finished:
            self._live = None
