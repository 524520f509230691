"""An answer in a pane: plain text with the words marked in which it differs, and what it took below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.chat.lanes import LaneAnswer
from tui.evals.compare.differences import Piece
from tui.evals.compare.marks import LOOKED_AT, calls_text
from tui.safe_text import safe_text
from tui.widgets.keys import bindings
from tui.widgets.tones import content

DIFFERS = "bold underline"
"""Without a colour, so that it can be seen everywhere."""


class AnswerPane(VerticalScroll, inherit_bindings=False):
    """Shows one answer and scrolls it; follows its end only while it comes."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("scroll")]
    DEFAULT_CSS = """
    AnswerPane { width: 1fr; height: 1fr; min-height: 4; scrollbar-size-vertical: 1; padding: 0 1; }
    AnswerPane > Static { width: 1fr; height: auto; }
    """

    def __init__(self, *, id: str | None = None, classes: str = "pane") -> None:  # noqa: A002 - Textual's own
        super().__init__(id=id, classes=classes)
        self._text = Static("", markup=False)

    def compose(self) -> ComposeResult:
        """Yield the text."""
        yield self._text

    def name_it(self, title: Content, facts: str = "") -> None:
        """Set the words in the frame; safe ones."""
        self.border_title = title
        self.border_subtitle = content(facts)

    def show(self, words: Content) -> None:
        """Show a text in place of the one before."""
        self._text.update(words)


def answer_words(
    answer: LaneAnswer,
    pieces: Sequence[Piece] | None = None,
    calls: Sequence[Piece] | None = None,
    *,
    whole: bool = True,
) -> Content:
    """Return an answer to be shown: its text, the tools it calls, how it failed.

    Args:
        answer: As it stands.
        pieces: Its text in pieces with the differing ones marked, safe already; None takes it as it is.
        calls: Likewise of the tools it calls.
        whole: False while it comes.
    """
    said = content(safe_text(answer.text[:LOOKED_AT])) if pieces is None else _in_pieces(pieces)
    more = len(answer.text) - LOOKED_AT
    rest = content((f"\n… {more:,} more characters; y copies all of it" if more > 0 else "", "muted"))
    called = content(calls_text(answer.tool_calls)) if calls is None else _in_pieces(calls)
    trouble = f"\n{answer.error} {answer.remedy}" if answer.error else ""
    if whole and not answer.text and not answer.tool_calls and not trouble:
        rest = content(("It said nothing.", "muted"))
    apart = content("\n" if answer.tool_calls else "")
    return Content("").join([
        said, rest, apart, called, content((safe_text(trouble), "warning")),
        content("" if whole else (" ▌" if answer.text else "…", "muted")),
    ])  # fmt: skip


def _in_pieces(pieces: Sequence[Piece]) -> Content:
    return Content.assemble(*((one.text, DIFFERS if one.differs else "") for one in pieces))
