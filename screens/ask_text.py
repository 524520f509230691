"""Asks for one line of text, for tags and notes, or for a name that says that something is really meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from screens.base import DeckDialog
from tui.safe_text import safe_line, safe_text
from tui.widgets.key_value import KeyValue, Pair
from tui.widgets.keys import bindings
from tui.widgets.tones import content


class AskTextScreen(DeckDialog, inherit_bindings=False):
    """Dismissed with what was typed, or with None.

    Args:
        question: What is asked.
        value: What stands in the line already.
        hint: Stands in the empty line.
        facts: Names and values that the answer depends on.
        warning: What can't be undone; may be empty.
        exactly: Only this text is taken; empty takes any.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("choose", "screen")]
    CSS_PATH = "ask_text.tcss"
    AUTO_FOCUS = "Input"

    def __init__(
        self,
        question: str,
        *,
        value: str = "",
        hint: str = "",
        facts: Iterable[Pair] = (),
        warning: str = "",
        exactly: str = "",
    ) -> None:
        super().__init__()
        self._question = question
        self._value = value
        self._hint = hint
        self._facts = list(facts)
        self._warning = warning
        self._exactly = exactly

    def compose(self) -> ComposeResult:
        """Yield question, facts and the line."""
        with Vertical(id="ask-text") as frame:
            frame.border_title = content(safe_line(self._question, 100))
            frame.border_subtitle = "enter takes it, esc leaves everything as it is"
            if self._facts:
                yield KeyValue(self._facts)
            if self._warning:
                yield Static(content((safe_text(self._warning), "warning")), id="ask-warning", markup=False)
            yield Input(self._value, placeholder=self._hint, id="ask-input", compact=True)
            yield Static("", id="ask-problem", markup=False)

    @on(Input.Submitted)
    def _take(self, message: Input.Submitted) -> None:
        typed = message.value.strip()
        if self._exactly and typed != self._exactly:
            self.query_one("#ask-problem", Static).update(content(("That is not the name.", "bad")))
            return
        self.dismiss(typed)
