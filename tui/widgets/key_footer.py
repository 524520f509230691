"""The bottom line: the few keys that matter here, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from textual.binding import ActiveBinding
from textual.content import Content
from textual.css.query import NoMatches
from textual.events import Click
from textual.widget import Widget

from tui.widgets.keys import display
from tui.widgets.tones import content

if TYPE_CHECKING:
    from textual.screen import Screen

MOST_KEYS = 6
"""Keys shown on a terminal of 80 columns."""
_TIGHT = 60
"""Columns below which help and commands are keys without words."""
_LAST = ("show_help", "command_palette")
"""Actions whose keys stand at the end, and are never crowded out."""


class KeyFooter(Widget):
    """Keys of the focused widget first, then the screen's, then help and commands.

    A screen with several lists may have `keys_first`: those of its keys that are about the list in use.
    """

    DEFAULT_CSS = """
    KeyFooter { dock: bottom; height: 1; background: $panel; color: $foreground; padding: 0 1;
        &:ansi { background: $background; } }
    """

    def __init__(self) -> None:
        super().__init__()
        self._painted: Content | None = None

    def on_mount(self) -> None:
        """Follow the focus."""
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)

    def _bindings_changed(self, _screen: Screen[object]) -> None:
        if not self._shows_the_same():
            self.refresh()

    def _shows_the_same(self) -> bool:
        """Say whether a repaint would change nothing.

        Every key pressed in a list may grey another key, and seldom does: an unneeded repaint of the last
        line would drag everything between it and the cursor through the compositor.
        """
        if self._painted is None or not self.screen.is_active:
            return False  # a screen below would judge its keys by the one above, which may not be made yet
        try:
            return self._content().is_same(self._painted)
        except NoMatches:
            return True  # the screen is losing its widgets on the way out: nobody sees its last line

    def _shown(self) -> list[ActiveBinding]:
        seen: set[str] = set()
        first: list[ActiveBinding] = []
        last: list[ActiveBinding] = []
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if not binding.show or binding.action in seen:
                continue
            seen.add(binding.action)
            (last if binding.action in _LAST else first).append(active)
        now: Sequence[str] = getattr(self.screen, "keys_first", ())
        if now:  # sorting is stable: the others keep their order
            first.sort(
                key=lambda one: now.index(one.binding.action) if one.binding.action in now else len(now)
            )
        most = MOST_KEYS if self.content_size.width < 100 else MOST_KEYS + 4
        return [*first[: most - len(last)], *last]

    def _labels(self) -> Iterator[tuple[ActiveBinding, Content]]:
        """Yield as many whole keys as fit, giving up those before help first."""
        tight = self.content_size.width < _TIGHT
        entries = [(active, self._label(active, tight)) for active in self._shown()]
        room = self.content_size.width
        while len(entries) > 1 and sum(label.cell_length for _, label in entries) > room:
            position = next(
                (i for i in range(len(entries) - 1, -1, -1) if entries[i][0].binding.action not in _LAST), 0
            )
            del entries[position]
        yield from entries

    @staticmethod
    def _label(active: ActiveBinding, tight: bool) -> Content:
        key, text = display(active.binding.key), active.binding.description
        if tight and active.binding.action in _LAST:
            return content((f"{key} ", "accent"))
        if not active.enabled:
            return content((f"{key} {text}   ", "muted"))
        return content((key, "accent"), f" {text}   ")

    def _content(self) -> Content:
        return Content("").join([label for _, label in self._labels()])

    def render(self) -> Content:
        """Draw the keys."""
        self._painted = self._content()
        return self._painted

    def on_click(self, event: Click) -> None:
        """Press the key under the pointer."""
        offset = event.get_content_offset(self)
        position = 0
        for active, label in self._labels():
            if offset is not None and position <= offset.x < position + label.cell_length:
                self.app.simulate_key(active.binding.key)
                return
            position += label.cell_length
