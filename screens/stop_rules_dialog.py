"""Asks by which rules a job shall be stopped; wrong ones are told where they are typed."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from screens.base import DeckDialog
from tui.errors import TunedeckError
from tui.jobs.stop_rules import parse_stop_rules
from tui.safe_text import safe_text
from tui.widgets.tones import Part, content_lines

_MEANINGS = (
    ("rising 3", "the last 3 validations were all above the lowest one"),
    ("diverging", "training loss has left its lowest level for good"),
    ("after 2h", "so long after it was created (s, m, h or d)"),
    ("money 10", "it has cost about so much"),
    ("pause", "pause it then, where the service can; else it is cancelled"),
)


class StopRulesDialog(DeckDialog):
    """Dismissed with a line of rules that can be read, or None to leave all as it is.

    Args:
        rules: The rules as they are; empty for none.
    """

    DEFAULT_CSS = """
    StopRulesDialog #stop-rules { width: 76; max-width: 96%; height: auto; padding: 1 2;
        border: $frame $border; border-title-color: $text-accent; border-subtitle-color: $text-muted;
        background: $surface; }
    StopRulesDialog #stop-rules:ansi { background: $background; }
    StopRulesDialog #stop-line { margin: 1 0; }
    StopRulesDialog #stop-note { height: auto; max-height: 4; color: $text-warning; display: none; }
    """

    def __init__(self, rules: str) -> None:
        super().__init__()
        self._rules = rules

    def compose(self) -> ComposeResult:
        """Yield what can be written, and the line to write it in."""
        lines: list[list[Part]] = [
            [(f"{words:<11}", "accent"), (meaning, "")] for words, meaning in _MEANINGS
        ]
        with Vertical(id="stop-rules") as frame:
            frame.border_title = "Stop this job by itself when"
            frame.border_subtitle = "enter keeps · esc leaves all as it is"
            yield Static(content_lines(lines), markup=False)
            yield Input(
                self._rules, placeholder="rising 3, diverging; empty: never", id="stop-line", compact=True
            )
            yield Static("", id="stop-note", markup=False)

    @on(Input.Changed)
    def _forget_note(self) -> None:
        self.query_one("#stop-note").display = False

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        try:
            rules = parse_stop_rules(event.value)
        except TunedeckError as error:
            note = self.query_one("#stop-note", Static)
            note.update(safe_text(error.message))
            note.display = True
            return
        self.dismiss(rules.text)
