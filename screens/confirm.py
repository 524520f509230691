"""Asks before something that costs or can't be undone; a stray key can't answer."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Static

from screens.base import DeckDialog
from tui.safe_text import safe_text
from tui.widgets.key_value import KeyValue, Pair
from tui.widgets.keys import bindings
from tui.widgets.tones import Part, content

DEAD_SECONDS = 0.3
"""How long after it appears the dialog takes no yes: a key meant for what was there before."""


class ConfirmScreen(DeckDialog, inherit_bindings=False):
    """A question with its facts; dismissed with True after `y`, with False otherwise. Enter does nothing.

    Args:
        question: What is about to happen.
        yes: What `y` does, in two or three words.
        no: What `n` and esc do.
        facts: Names and values that the answer depends on.
        warning: What can't be undone; may be empty.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("confirm", "screen")]
    CSS_PATH = "confirm.tcss"

    def __init__(
        self, question: str, *, yes: str, no: str = "go back", facts: Iterable[Pair] = (), warning: str = ""
    ) -> None:
        super().__init__()
        self._question = question
        self._yes = yes
        self._no = no
        self._facts = list(facts)
        self._warning = warning
        self._opened_at = time.monotonic()
        self._answered = False

    def compose(self) -> ComposeResult:
        """Yield question, facts, and the two keys."""
        with Vertical(id="confirm") as frame:
            frame.border_title = "Please confirm"
            yield Static(content((safe_text(self._question), "strong")), id="confirm-question")
            if self._facts:
                yield KeyValue(self._facts)
            if self._warning:
                yield Static(content((safe_text(self._warning), "warning")), id="confirm-warning")
            yield Static(content(*self.key_parts()), id="confirm-keys")

    def key_parts(self) -> list[Part]:
        """Return the line of keys."""
        return [("y", "accent"), (f" {self._yes}      ", ""), ("n", "accent"), (f" {self._no}", "")]

    def show_facts(self, question: str, facts: Iterable[Pair]) -> None:
        """Ask about something else; what was typed for the question before is no answer to it."""
        self.query_one("#confirm-question", Static).update(content((safe_text(question), "strong")))
        self.query_one(KeyValue).set_pairs(facts)
        self._opened_at = time.monotonic()

    def on_mount(self) -> None:
        """Begin the dead time when the question can be read."""
        self._opened_at = time.monotonic()

    def action_answer_yes(self) -> None:
        """Say yes, once, and only after the dead time."""
        if self._answered or time.monotonic() - self._opened_at < DEAD_SECONDS:
            return
        self._answered = True
        self.dismiss(True)

    def action_answer_no(self) -> None:
        """Leave everything as it is."""
        if not self._answered:
            self._answered = True
            self.dismiss(False)
