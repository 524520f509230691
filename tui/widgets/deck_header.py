"""The top line: where you are, where you can go by number, and the state of what runs the jobs."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from tui.engine_watch import EngineState, Phase
from tui.widgets.tones import Part, Tone, content, fit

PLACES: tuple[tuple[str, str], ...] = (
    ("home", "Home"),
    ("datasets", "Datasets"),
    ("check", "Check"),
    ("launch", "Launch"),
    ("jobs", "Jobs"),
    ("chat", "Chat"),
)
"""Modes in the order of the work, by their number keys."""
_LEAST_STATUS = 8
"""Columns below which a status that is cut says nothing."""
MORE_PLACES: tuple[tuple[str, str], ...] = (("models", "Models"),)
"""Modes with the numbers after those; 80 columns have room for one's name only while it is shown."""


def engine_headline(state: EngineState) -> Part:
    """Return the local engine's state in at most 14 columns, what is left beside the places on 80."""
    match state.phase:
        case Phase.UNKNOWN:
            return "", "muted"
        case Phase.FETCHING | Phase.PREPARING:
            return (f"model {state.fraction:.0%}" if state.total_bytes else "model coming"), "accent"
        case Phase.READY:
            return "local: ready", "good"
        case Phase.FAILED:
            return "local: failed", "bad"
        case Phase.NO_MODEL:
            return "no base model", "warning"
        case Phase.STARTING:
            return "local: starts", "muted"
        case Phase.AT_REST:
            return "local: at rest", "muted"


class DeckHeader(Widget):
    """One line: `tunedeck  1 Home  2 Datasets  …   local engine ready`."""

    DEFAULT_CSS = """
    DeckHeader { dock: top; height: 1; background: $panel; color: $foreground; padding: 0 1;
        &:ansi { background: $background; } }
    """

    status: reactive[str] = reactive("")
    """State of the account in use; safe text."""
    status_tone: reactive[Tone] = reactive[Tone]("muted")
    """Tone of the status."""

    class PlaceClicked(Message):
        """A place's name was clicked."""

        def __init__(self, place: str) -> None:
            super().__init__()
            self.place = place

    def __init__(self, place: str) -> None:
        super().__init__()
        self._place = place
        self._places = (*PLACES, *(one for one in MORE_PLACES if one[0] == place))

    def render(self) -> Content:
        """Draw the places, and as much of the status as fits."""
        width = self.content_size.width
        wide = width >= 90
        parts: list[Content] = [content(("tunedeck", "accent"), " ")] if width >= 70 else []
        for number, (place, name) in enumerate(self._places, 1):
            here = place == self._place
            label = f" {number} {name} "
            parts.append(
                Content.styled(label, "bold reverse")
                if here
                else content((f" {number}", "muted"), f" {name} ")
            )
            if wide:
                parts.append(Content(" "))
        left = Content("").join(parts)
        room = width - left.cell_length
        if not self.status or room < min(cell_len(self.status), _LEAST_STATUS):
            return left
        status = fit(self.status, min(room, cell_len(self.status)))
        gap = " " * (width - left.cell_length - cell_len(status))
        return Content("").join([left, content(gap, (status, self.status_tone))])

    def on_click(self, event: Click) -> None:
        """Go to the place under the pointer."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        text = self.render().plain
        for number, (place, name) in enumerate(self._places, 1):
            start = text.find(f" {number} {name} ")
            if start <= offset.x < start + len(name) + 4:
                self.post_message(self.PlaceClicked(place))
