"""What speaks for and against a launch, each point with its sign before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Static

from tui.widgets.keys import bindings
from tui.widgets.tones import Line, Part, content

Point = tuple[Part, Line]
"""A sign, and the sentence it stands before."""


class PreflightPane(VerticalScroll, inherit_bindings=False):
    """Points under each other, scrolled with the keys of every other pane."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("scroll")]
    DEFAULT_CSS = """
    PreflightPane Horizontal { height: auto; }
    PreflightPane .sign { width: 8; }
    PreflightPane .text { width: 1fr; height: auto; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes=classes)
        self._points: Sequence[Point] = ()

    def show_lines(self, points: Sequence[Point]) -> None:
        """Show these points; equal ones draw nothing."""
        if points == self._points:
            return
        self._points = points
        with self.app.batch_update():
            self.remove_children()
            self.mount_all(
                Horizontal(
                    *([Static(content(sign), classes="sign")] if sign[0] else []),
                    Static(content(*text), classes="text"),
                )
                for sign, text in points
            )
