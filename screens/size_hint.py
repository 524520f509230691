"""A line that says when the terminal is too small to be comfortable, and goes away by itself."""

from __future__ import annotations

from textual.geometry import Size
from textual.widgets import Static

LEAST_WIDTH = 60
LEAST_HEIGHT = 20


def is_small(size: Size) -> bool:
    """Return whether a terminal of this size cuts the screens."""
    return size.width < LEAST_WIDTH or size.height < LEAST_HEIGHT


class SizeHint(Static):
    """Shown below 60 by 20; everything goes on working meanwhile."""

    DEFAULT_CSS = """
    SizeHint { dock: top; height: 1; display: none; color: $text-warning; background: $panel; padding: 0 1;
        text-wrap: nowrap; text-overflow: ellipsis;
        &:ansi { background: $background; } }
    """

    def __init__(self) -> None:
        super().__init__("", markup=False)

    def show_for(self, size: Size) -> None:
        """Appear or go away, as the terminal's size asks."""
        small = is_small(size)
        if small != self.display:  # said again, it would have the whole screen laid out again
            self.display = small
        if small:
            self.update(
                f"{size.width}×{size.height} is small; best from {LEAST_WIDTH}×{LEAST_HEIGHT} up",
                layout=False,
            )
