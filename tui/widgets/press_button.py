"""A button in one line, pressed with enter; it says what it will do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from tui.widgets.keys import bindings
from tui.widgets.tones import content


class PressButton(Widget, can_focus=True, inherit_bindings=False):
    """Posts `Pressed` on enter and on a click, greyed or not: the owner tells why it can't."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("button")]
    DEFAULT_CSS = """
    PressButton { height: 1; background: $panel; color: $text-muted; padding: 0 2;
        content-align: center middle; }
    PressButton:ansi { background: ansi_default; }
    PressButton.-enabled { background: $primary 30%; color: $foreground; text-style: bold; }
    PressButton:focus { background: $block-cursor-background; color: $block-cursor-foreground;
        text-style: $block-cursor-text-style; }
    """

    @dataclass
    class Pressed(Message):
        """The button was pressed."""

        button: PressButton

        @property
        def control(self) -> PressButton:
            """The button, so that `@on` can tell buttons apart."""
            return self.button

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._label = ""

    def set_label(self, label: str, *, enabled: bool) -> None:
        """Say what the button does, and whether it can now."""
        self._label = label
        self.set_class(enabled, "-enabled")
        self.refresh()

    def render(self) -> Content:
        """Draw the label."""
        return content(f"▶ {self._label}" if self.has_class("-enabled") else f"  {self._label}")

    def action_press(self) -> None:
        """Press it."""
        self.post_message(self.Pressed(self))

    def on_click(self) -> None:
        """Press it."""
        self.action_press()
