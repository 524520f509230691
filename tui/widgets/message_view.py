"""A row drawn as the conversation it is: roles in words and tone, weights, tools, images, preferences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.safe_text import safe_text
from tui.widgets.keys import bindings
from tui.widgets.tones import Part, Tone, content

if TYPE_CHECKING:
    from tui.datasets.conversation import Turn
    from tui.datasets.source import Row

MOST_CHARACTERS = 40_000
"""Characters of one row that are laid out; the rest is named by its number."""
_ROLE_TONES: dict[str, Tone] = {
    "system": "muted",
    "developer": "muted",
    "user": "accent",
    "assistant": "good",
    "tool": "warning",
    "function": "warning",
}


class MessageView(VerticalScroll, inherit_bindings=False):
    """One text in one scrolling pane, so that no row costs more than one widget."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("scroll")]
    DEFAULT_CSS = """
    MessageView { scrollbar-size-vertical: 1; }
    MessageView > Static { width: 1fr; height: auto; }
    """

    def compose(self) -> ComposeResult:
        """Yield the one text."""
        yield Static("", markup=False)

    def show_turns(self, turns: Sequence[Turn], findings: Sequence[str] = ()) -> None:
        """Show a conversation, below what is wrong with it."""
        self._show(Content("\n\n").join([*_finding_lines(findings), *(turn_content(turn) for turn in turns)]))

    def show_raw(self, row: Row, findings: Sequence[str] = ()) -> None:
        """Show the row's JSON, indented where it is valid, and where it breaks where it isn't."""
        known = findings if row.error is None else ()
        self._show(Content("\n\n").join([*_finding_lines(known), raw_content(row)]))

    def show_note(self, text: str) -> None:
        """Show a sentence instead of a row."""
        self._show(content((text, "muted")))

    def _show(self, text: Content) -> None:
        hidden = len(text) - MOST_CHARACTERS
        if hidden > 0:
            note = content((f"\n… {hidden:,} characters more; press y to copy the whole row", "muted"))
            text = text[:MOST_CHARACTERS] + note
        self.query_one(Static).update(text)
        self.scroll_home(animate=False)


def _finding_lines(findings: Sequence[str]) -> list[Content]:
    lines = [content(("✗ ", "bad"), safe_text(finding)) for finding in findings]
    return [Content("\n").join(lines)] if lines else []


def turn_content(turn: Turn) -> Content:
    """Return a turn: a heading of its role and facts, its text, its tool calls."""
    tone = _ROLE_TONES.get(turn.role, "strong")
    parts: list[Part] = [(f"▌{turn.role}", tone)]
    parts += [(f" · {fact}", "muted") for fact in turn.facts]
    body = content(*parts)
    if turn.text:
        body = body + Content("\n" + turn.text)
    for call in turn.tool_calls:
        body = body + content(("\n→ ", "warning"), call)
    return body


def raw_content(row: Row) -> Content:
    """Return a row's JSON for reading; an invalid one as it is, with a mark under the place."""
    if row.error is None:
        import json

        return Content(safe_text(json.dumps(row.value, indent=2, ensure_ascii=False)))
    text = safe_text(row.raw)
    heading = content((safe_text(row.error), "bad"), "\n\n")
    if row.error_column is None or not 0 < row.error_column <= len(text) + 1:
        return heading + Content(text)
    place = row.error_column - 1
    broken = text[place : place + 1] or " "
    return (
        heading + Content(text[:place]) + Content.styled(broken, "bold reverse") + Content(text[place + 1 :])
    )
