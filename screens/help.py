"""Every key that works where you are, made from the live bindings; and a word about the screen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from screens.base import DeckDialog
from tui.widgets.keys import bindings, display
from tui.widgets.tones import Line, Part, content_lines

AREA_TITLES: Mapping[str, str] = {
    "app": "Everywhere",
    "screen": "Panes",
    "list": "In the list",
    "scroll": "In the text",
    "chart": "In the chart",
    "rows": "Rows",
    "dialog": "Dialog",
}
"""Headings where the area's own name would not do."""


class HelpScroll(VerticalScroll, inherit_bindings=False):
    """The help's text, scrolled with the keys of every other pane."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("scroll")]


class HelpScreen(DeckDialog):
    """Keys by area, in the order of the focused widget outwards."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("help", "screen")]
    CSS_PATH = "help.tcss"

    def __init__(self, active: Iterable[ActiveBinding], about: str) -> None:
        super().__init__()
        self._active = list(active)
        self._about = about

    def compose(self) -> ComposeResult:
        """Yield the text in a frame."""
        with HelpScroll(id="help") as frame:
            frame.border_title = "Keys that work here"
            frame.border_subtitle = "esc closes"
            yield Static(content_lines(help_lines(self._active, self._about)), markup=False)


def help_lines(active: Iterable[ActiveBinding], about: str) -> list[Line]:
    """Return the help's lines: what the screen is for, then area by area its keys with a sentence each."""
    lines: list[Line] = [[(line, "")] for line in about.strip().splitlines()]
    areas = _by_area(active)
    width = max((len(keys) for entries in areas.values() for keys, _ in entries), default=0)
    for area, entries in areas.items():
        lines += [[], [(AREA_TITLES.get(area, area.capitalize()), "strong")]]
        for keys, text in entries:
            line: list[Part] = [(f"  {keys:<{width}}  ", "accent"), (text, "")]
            lines.append(line)
    return lines[1:] if lines and not lines[0] else lines


def _by_area(active: Iterable[ActiveBinding]) -> dict[str, list[tuple[str, str]]]:
    keys_of: dict[tuple[str, str], list[str]] = defaultdict(list)
    text_of: dict[tuple[str, str], str] = {}
    for entry in active:
        binding = entry.binding
        area = (binding.id or "other.").partition(".")[0]
        place = (area, binding.action)
        keys_of[place].append(display(binding.key))
        text_of[place] = binding.tooltip or binding.description
        if not entry.enabled:
            text_of[place] += " (not now)"
    areas: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for (area, action), keys in keys_of.items():
        areas[area].append((" ".join(keys), text_of[area, action]))
    return areas
