"""The panes of a checked file."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.containers import VerticalScroll

from tui.widgets.keys import bindings
from tui.widgets.table import Column

COST_COLUMNS = (Column("Model", 25), Column("Price", 17, align="right"), Column("How", tone="muted"))


class ExplanationPane(VerticalScroll, inherit_bindings=False):
    """The finding explained, scrolled with the keys of every other pane."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("scroll")]


class TokenPane(VerticalScroll, inherit_bindings=False):
    """The tokens, scrolled with the keys of every other pane."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("scroll")]
