"""Asks for a text of any number of lines: what a tool gives back, what the right answer would be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from screens.base import DeckDialog
from screens.own_editor import edit_in_own_editor
from tui.errors import TunedeckError
from tui.safe_text import safe_line, safe_to_type
from tui.widgets.key_value import KeyValue, Pair
from tui.widgets.keys import bindings
from tui.widgets.prompt_input import PromptInput
from tui.widgets.tones import content

MOST_TO_CHANGE = 20_000
"""Characters beyond which a text is not laid out to be changed: it would hold up the keys."""


class AskLinesScreen(DeckDialog, inherit_bindings=False):
    """Dismissed with what was written, or with None.

    Args:
        question: What is asked.
        value: What stands there already; more than `MOST_TO_CHANGE` characters don't.
        hint: Stands in the empty field.
        facts: Names and values that the answer depends on.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("dialog", "screen")]
    AUTO_FOCUS = "PromptInput"
    DEFAULT_CSS = """
    AskLinesScreen #ask-lines { width: 94%; max-width: 100; height: auto; max-height: 90%; padding: 1 2;
        border: $frame $border; border-title-color: $text-accent; border-subtitle-color: $text-muted;
        background: $surface; }
    AskLinesScreen #ask-lines:ansi { background: $background; }
    AskLinesScreen KeyValue { height: auto; max-height: 8; margin-bottom: 1; }
    AskLinesScreen PromptInput, AskLinesScreen PromptInput:focus { min-height: 3; max-height: 14; }
    """

    def __init__(self, question: str, *, value: str = "", hint: str = "", facts: Iterable[Pair] = ()) -> None:
        super().__init__()
        self._question = question
        self._value = value if len(value) <= MOST_TO_CHANGE else ""
        self._shown = safe_to_type(self._value)
        self._hint = hint
        self._facts = list(facts)

    def compose(self) -> ComposeResult:
        """Yield the facts and the field."""
        with Vertical(id="ask-lines") as frame:
            frame.border_title = content(safe_line(self._question, 100))
            frame.border_subtitle = "enter takes it · ^j new line · ^g your editor · esc leaves"
            if self._facts:
                yield KeyValue(self._facts)
            yield PromptInput(placeholder=self._hint, may_be_empty=True)

    def on_mount(self) -> None:
        """Show what is there already."""
        self._write(self._shown)

    def _write(self, text: str) -> None:
        field = self.query_one(PromptInput)
        field.load_text(text)
        field.move_cursor(field.document.end)

    @on(PromptInput.Sent)
    def _take(self, message: PromptInput.Sent) -> None:
        # What was only looked at stays as it came, with what a terminal would act on.
        self.dismiss(self._value if message.text == self._shown else message.text)

    @on(PromptInput.Left)
    def _leave(self) -> None:
        self.dismiss(None)

    @on(PromptInput.OutsideWanted)
    def _write_outside(self) -> None:
        try:
            text = edit_in_own_editor(self.app, self.query_one(PromptInput).text, "text.md")
        except TunedeckError as error:
            self.tell_error(error)
            return
        self._write(safe_to_type(text.rstrip("\n")))
