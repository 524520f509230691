"""One of a few, in one line: `◂ value ▸`, changed with the arrow keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.tones import content, fit


class ChoiceField(Widget, can_focus=True, inherit_bindings=False):
    """A field of a form whose values are known; posts `Changed`, and `Opened` on enter."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("choice")]
    DEFAULT_CSS = """
    ChoiceField { height: 1; background: $panel; padding: 0 1; }
    ChoiceField:ansi { background: ansi_default; }
    ChoiceField:focus { background: $block-cursor-background; color: $block-cursor-foreground;
        text-style: $block-cursor-text-style; }
    """

    @dataclass
    class Changed(Message):
        """Another value was chosen."""

        field: ChoiceField
        value: str

        @property
        def control(self) -> ChoiceField:
            """The field, so that `@on` can tell fields apart."""
            return self.field

    @dataclass
    class Opened(Message):
        """Enter was pressed."""

        field: ChoiceField

        @property
        def control(self) -> ChoiceField:
            """The field, so that `@on` can tell fields apart."""
            return self.field

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes=classes)
        self._options: Sequence[tuple[str, str]] = ()
        self._value = ""

    @property
    def value(self) -> str:
        """Key of the chosen option."""
        return self._value

    def set_options(self, options: Sequence[tuple[str, str]], value: str) -> None:
        """Offer these (key, label) pairs with one of them chosen; posts nothing."""
        self._options = options
        self._value = value
        self.refresh()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer the next value only where there is one."""
        return action != "step" or len(self._options) > 1

    def render(self) -> Content:
        """Draw the label between arrows, which stand only where there is a choice."""
        label = next((label for key, label in self._options if key == self._value), self._value)
        width = max(1, self.content_size.width - 4)
        arrows = ("◂ ", " ▸") if len(self._options) > 1 else ("  ", "  ")
        return content(arrows[0], fit(safe_line(label), width), arrows[1])

    def action_step(self, direction: int) -> None:
        """Choose the next or the former option."""
        keys = [key for key, _ in self._options]
        if len(keys) < 2:
            return
        index = keys.index(self._value) if self._value in keys else 0
        self._value = keys[(index + direction) % len(keys)]
        self.refresh()
        self.post_message(self.Changed(self, self._value))

    def action_open_field(self) -> None:
        """Tell that enter was pressed."""
        self.post_message(self.Opened(self))

    def on_click(self) -> None:
        """Choose the next option."""
        self.action_step(1)
