"""A text of a row to edit: its screen loads only what is safe to draw, and the app guards every paste."""

from __future__ import annotations

from textual.widgets import TextArea


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
