"""A progress bar that stands still: drawn when its number changes, and never in between."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui.widgets.tones import Part, content

_EIGHTHS = " ▏▎▍▌▋▊▉█"


def bar(fraction: float, width: int, *, ascii_only: bool = False) -> tuple[str, str]:
    """Return the full and the empty part of a bar, together `width` columns.

    Args:
        fraction: 0 to 1; outside is cut.
        width: Columns.
        ascii_only: Draw with `#` and `-`.
    """
    fraction = min(1.0, max(0.0, fraction))
    if ascii_only:
        full = round(fraction * width)
        return "#" * full, "-" * (width - full)
    eighths = round(fraction * width * 8)
    full, part = divmod(eighths, 8)
    drawn = "█" * full + (_EIGHTHS[part] if part else "")
    return drawn, "░" * (width - len(drawn))


class Meter(Widget):
    """A bar with its percentage and a note: `██████░░░  62 %  61 of 98 MB`."""

    DEFAULT_CSS = "Meter { height: 1; }"

    fraction: reactive[float] = reactive(0.0)
    """How much is done, 0 to 1."""
    note: reactive[str] = reactive("")
    """What stands after the percentage; safe text."""

    def __init__(
        self,
        fraction: float = 0.0,
        note: str = "",
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
        ascii_only: bool = False,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._ascii_only = ascii_only
        self.set_reactive(Meter.fraction, fraction)
        self.set_reactive(Meter.note, note)

    def render(self) -> Content:
        """Draw the bar, as wide as note and percentage leave room."""
        tail = f" {self.fraction * 100:3.0f} %" + (f"  {self.note}" if self.note else "")
        width = max(4, self.content_size.width - len(tail))
        full, empty = bar(self.fraction, width, ascii_only=self._ascii_only)
        parts: list[Part] = [(full, "accent"), (empty, "muted"), (tail, "")]
        return content(*parts)
