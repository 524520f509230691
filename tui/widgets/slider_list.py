"""Numbers to turn by keys: name, value between arrows and a bar, one in each line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message

from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.line_list import LineList
from tui.widgets.meter import bar
from tui.widgets.tones import Line, Part, fit

_BAR_WIDTH = 8
_NAME_WIDTH = 13


@dataclass(frozen=True, slots=True)
class Slider:
    """One of them, as it stands."""

    name: str
    value: str
    share: float | None = None
    """How far along it is, 0 to 1; None draws no bar."""


class SliderList(LineList, inherit_bindings=False):
    """Sliders; left and right post `Turned`, and whoever owns the numbers shows new ones."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("sliders")]

    @dataclass
    class Turned(Message):
        """A slider is to go on by some steps."""

        index: int
        steps: int

    def __init__(self, *, id: str | None = None, ascii_only: bool = False) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes="pane", empty="Counting…")
        self._sliders: Sequence[Slider] = ()
        self._ascii_only = ascii_only

    def set_sliders(self, sliders: Sequence[Slider]) -> None:
        """Show these, the cursor where it was."""
        if sliders != self._sliders:
            self._sliders = sliders
            self.items_changed()

    def item_count(self) -> int:
        """Return how many there are."""
        return len(self._sliders)

    def item_line(self, index: int, width: int) -> Line:
        """Return a slider in a line."""
        slider = self._sliders[index]
        parts: list[Part] = [
            (fit(slider.name, _NAME_WIDTH), "muted"),
            ("< " if self._ascii_only else "◂ ", ""),
        ]
        room = width - _NAME_WIDTH - 4
        drawn = slider.share is not None and room > 2 * _BAR_WIDTH
        text = room - (_BAR_WIDTH + 1 if drawn else 0)
        parts.append((fit(safe_line(slider.value), max(1, text), cut="middle"), "strong"))
        if drawn and slider.share is not None:
            full, empty = bar(slider.share, _BAR_WIDTH, ascii_only=self._ascii_only)
            parts += [(" ", ""), (full, "accent"), (empty, "muted")]
        parts.append((" >" if self._ascii_only else " ▸", ""))
        return parts

    def action_turn(self, steps: int) -> None:
        """Ask for another value."""
        if self._sliders:
            self.post_message(self.Turned(self.cursor, steps))
