"""The line a message is written in: enter sends, ctrl+j starts a new line, up brings back what was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType
from textual.events import Key
from textual.message import Message
from textual.widgets import TextArea

from tui.safe_text import safe_to_type
from tui.widgets.keys import bindings

_OURS = ("enter", "ctrl+j", "alt+enter", "escape", "ctrl+g")
"""Keys that the text area would take for itself."""


class PromptInput(TextArea):
    """Grows with its text; posts `Sent` and `Left`.

    Args:
        placeholder: Stands in the empty line.
        may_be_empty: Enter sends nothing but space too.
        id: Textual's own.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("prompt")]
    DEFAULT_CSS = """
    PromptInput, PromptInput:focus { height: auto; min-height: 1; max-height: 6; border: none; padding: 0 1;
        background: $panel; }
    PromptInput:ansi { background: ansi_default; }
    """

    @dataclass
    class Sent(Message):
        """Enter was pressed on something."""

        text: str

    @dataclass
    class Left(Message):
        """Esc was pressed."""

    @dataclass
    class OutsideWanted(Message):
        """The person's own editor was asked for."""

    def __init__(
        self,
        *,
        placeholder: str,
        may_be_empty: bool = False,
        id: str | None = None,  # noqa: A002 - Textual's own name
    ) -> None:
        super().__init__(
            id=id, placeholder=placeholder, compact=True, highlight_cursor_line=False, tab_behavior="focus"
        )
        self._may_be_empty = may_be_empty
        self._asked: list[str] = []
        self._place = 0
        self._draft = ""

    def set_history(self, asked: list[str]) -> None:
        """Remember these messages, oldest first."""
        self._asked = list(asked)
        self._place = len(self._asked)

    async def _on_key(self, event: Key) -> None:
        if event.key in _OURS:
            event.prevent_default()

    def action_send(self) -> None:
        """Send what is written; nothing but space only where that may be."""
        if self._may_be_empty or self.text.strip():
            self.post_message(self.Sent(self.text))

    def accept(self) -> None:
        """Take the message as sent: remember it and clear the line."""
        self._asked.append(self.text)
        self._place = len(self._asked)
        self._draft = ""
        self.clear()

    def action_newline(self) -> None:
        """Start a new line."""
        self.insert("\n")

    def action_older(self) -> None:
        """Move up; from the first line on, to the message before."""
        if self.cursor_location[0] > 0:
            self.action_cursor_up()
        elif self._place > 0:
            if self._place == len(self._asked):
                self._draft = self.text
            self._recall(self._place - 1)

    def action_newer(self) -> None:
        """Move down; from the last line on, to the message after, and to what was begun."""
        if self.cursor_location[0] < self.document.line_count - 1:
            self.action_cursor_down()
        elif self._place < len(self._asked):
            self._recall(self._place + 1)

    def _recall(self, place: int) -> None:
        self._place = place
        # What was asked from the command line, or came with a chat, is drawn as it is by a text area.
        self.load_text(safe_to_type(self._asked[place]) if place < len(self._asked) else self._draft)
        self.move_cursor(self.document.end)

    def action_edit_outside(self) -> None:
        """Tell that the person's own editor was asked for."""
        self.post_message(self.OutsideWanted())

    def action_leave(self) -> None:
        """Tell that esc was pressed."""
        self.post_message(self.Left())
