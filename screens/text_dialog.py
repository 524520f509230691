"""Shows a text that does not fit into its line."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from screens.base import DeckDialog
from tui.widgets.keys import bindings
from tui.widgets.tones import content


class TextScroll(VerticalScroll, inherit_bindings=False):
    """The text, scrolled with the keys of every other pane."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("scroll")]


class TextDialog(DeckDialog):
    """A text in a frame.

    Args:
        title: Over the frame; safe.
        text: Any number of lines; safe.
    """

    DEFAULT_CSS = """
    TextDialog TextScroll { width: 92%; max-width: 100; height: auto; max-height: 90%; padding: 0 2;
        border: $frame $border; border-title-color: $text-accent; border-subtitle-color: $text-muted;
        background: $surface; scrollbar-size-vertical: 1; }
    """

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        """Yield the text in its frame."""
        with TextScroll() as frame:
            frame.border_title = content(self._title)
            frame.border_subtitle = "esc closes"
            yield Static(content(self._text), markup=False)
