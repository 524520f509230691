"""A text of a row to edit; what is pasted can't act on the terminal."""

from __future__ import annotations

from textual.events import Paste
from textual.widgets import TextArea

from tui.safe_text import safe_text


class RowTextArea(TextArea):
    """A text area without a frame of its own; esc is left to the screen."""

    DEFAULT_CSS = """
    RowTextArea, RowTextArea:focus { height: 1fr; border: none; padding: 0; background: $surface; }
    RowTextArea:ansi { background: ansi_default; }
    """

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(
            id=id, compact=True, highlight_cursor_line=False, tab_behavior="focus", soft_wrap=True
        )

    async def _on_paste(self, event: Paste) -> None:
        """Make what is pasted safe before the text area, whose handler is called next, takes it."""
        event.text = safe_text(event.text)
