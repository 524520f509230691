"""What speaks for and against a launch, each point with its sign before it and a cursor on one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.events import Click, Key
from textual.message import Message
from textual.widgets import Static

from screens.base import DeckScreen
from tui.widgets.keys import bindings
from tui.widgets.tones import Line, Part, content


@dataclass(frozen=True, slots=True)
class Point:
    """One finding as it is shown."""

    sign: Part
    text: Line
    way: str = ""
    """What enter does about it; empty when nothing can be done by a key."""
    reason: str = ""
    """Why nothing can."""


class PreflightPane(VerticalScroll, inherit_bindings=False):
    """Points under each other; enter on one asks to mend it."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("preflight")]
    DEFAULT_CSS = """
    PreflightPane Horizontal { height: auto; }
    PreflightPane .mark { width: 2; color: $text-accent; visibility: hidden; }
    PreflightPane .sign { width: 8; }
    PreflightPane .text { width: 1fr; height: auto; }
    PreflightPane:focus .-cursor { background: $panel; }
    PreflightPane:focus .-cursor .mark { visibility: visible; }
    PreflightPane:ansi:focus .-cursor { background: ansi_default; text-style: bold; }
    """

    class MendAsked(Message):
        """A point is to be mended."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes=classes)
        self._points: Sequence[Point] = ()
        self._cursor = 0

    @property
    def current(self) -> Point | None:
        """The point under the cursor."""
        return self._points[self._cursor] if self._cursor < len(self._points) else None

    def show_points(self, points: Sequence[Point]) -> None:
        """Show these points, with the cursor on the first one; equal ones draw nothing."""
        if points == self._points:
            return
        self._points = points
        self._cursor = 0
        with self.app.batch_update():
            self.remove_children()
            self.mount_all(
                Horizontal(
                    Static("▸", classes="mark"),
                    *([Static(content(point.sign), classes="sign")] if point.sign[0] else []),
                    Static(content(*point.text), classes="text"),
                    classes="-cursor" if index == 0 else "",
                )
                for index, point in enumerate(points)
            )
        self._show_way()
        self.refresh_bindings()

    def _go_to(self, index: int) -> None:
        self._cursor = max(0, min(index, len(self._points) - 1))
        for number, child in enumerate(self.children):
            child.set_class(number == self._cursor, "-cursor")
        if self._cursor < len(self.children):
            self.scroll_to_widget(self.children[self._cursor], animate=False)
        self._show_way()
        self.refresh_bindings()

    def _show_way(self) -> None:
        way = self.current.way if self.current is not None else ""
        self.border_subtitle = content(("enter", "accent"), f": {way}") if way and self.has_focus else ""

    def watch_has_focus(self, has_focus: bool) -> None:
        """Say what enter would do, as long as keys come here."""
        super().watch_has_focus(has_focus)
        self._show_way()

    def go_to_first_way(self) -> None:
        """Put the cursor on the first point that a key can mend."""
        self._go_to(next((index for index, point in enumerate(self._points) if point.way), 0))

    def action_cursor(self, step: int) -> None:
        """Go to another point."""
        self._go_to(self._cursor + step)

    def action_cursor_edge(self, end: int) -> None:
        """Go to the first or the last point."""
        self._go_to(len(self._points) * end)

    def action_mend(self) -> None:
        """Ask for the point under the cursor to be mended."""
        if self.current is not None and self.current.way:
            self.post_message(self.MendAsked(self._cursor))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out mending where no key can."""
        return None if action == "mend" and not (self.current is not None and self.current.way) else True

    def on_key(self, event: Key) -> None:
        """Tell why a point can't be mended by a key, when that is tried."""
        active = self.screen.active_bindings.get(event.key)
        screen, point = self.screen, self.current
        if active is None or active.enabled or active.node is not self or point is None:
            return
        if isinstance(screen, DeckScreen):
            event.stop()
            screen.tell(point.reason, title="Mend: not here", severity="warning")

    def on_click(self, event: Click) -> None:
        """Put the cursor on the point that was clicked on."""
        for index, child in enumerate(self.children):
            if child.region.contains(event.screen_x, event.screen_y):
                self._go_to(index)
