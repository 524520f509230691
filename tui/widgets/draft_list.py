"""The messages of a row that is being edited, one line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.datasets.quoting import quoted
from tui.safe_text import safe_line
from tui.widgets.line_list import LineList
from tui.widgets.message_view import ROLE_TONES
from tui.widgets.tones import Line, fit

if TYPE_CHECKING:
    from tui.datasets.row_draft import DraftMessage

_ROLE_WIDTH = 10


class DraftList(LineList):
    """Role, weight and beginning of each message."""

    def __init__(self) -> None:
        super().__init__(id="draft", classes="pane", empty="No message. v edits the row's JSON.")
        self._messages: Sequence[DraftMessage] = ()

    def show_messages(self, messages: Sequence[DraftMessage]) -> None:
        """Show these messages, the cursor where it was."""
        self._messages = messages
        self.items_changed()

    @property
    def current(self) -> DraftMessage | None:
        """The message under the cursor."""
        return self._messages[self.cursor] if self._messages else None

    def item_count(self) -> int:
        """Return how many messages there are."""
        return len(self._messages)

    def item_line(self, index: int, width: int) -> Line:
        """Return a message in a line."""
        message = self._messages[index]
        facts = [f"w{safe_line(quoted(message.weight), 12)}"] if message.weight is not None else []
        facts += [message.name] if message.name else []
        facts += [message.group] if message.group else []
        role = fit(message.role, _ROLE_WIDTH)
        noted = "".join(f"{fact} " for fact in facts)
        room = max(1, width - _ROLE_WIDTH - 1 - len(noted))
        return (
            (f"{role} ", ROLE_TONES.get(message.role, "strong")),
            (noted, "muted"),
            (fit(message.shown, room), ""),
        )
