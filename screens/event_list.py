"""A job's events, newest last; follows the newest as long as the cursor is on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from screens.job_words import clock_time
from tui.records.jobs import JobEvent
from tui.safe_text import safe_line
from tui.widgets.line_list import LineList
from tui.widgets.tones import Line, Tone, fit

_LEVELS: Mapping[str, tuple[str, Tone]] = {
    "error": ("✗", "bad"),
    "warn": ("!", "warning"),
    "info": (" ", "muted"),
}
_TIME_WIDTH = 11


class EventList(LineList):
    """Any number of events, one line each; enter opens one whole."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes=classes, empty="Nothing has happened yet.")
        self._events: Sequence[JobEvent] = ()

    def set_events(self, events: Sequence[JobEvent]) -> None:
        """Show these events; ones that only came in addition leave what is drawn."""
        old = self._events
        if len(events) == len(old):
            return
        follows = self.cursor >= len(old) - 1
        self._events = events
        if tuple(events[: len(old)]) == tuple(old) and old:
            self.items_appended()
        else:
            self.items_changed()
        if follows:
            self.cursor = len(events) - 1

    def event(self, index: int) -> JobEvent | None:
        """Return an event by its place in the list."""
        return self._events[index] if 0 <= index < len(self._events) else None

    def item_count(self) -> int:
        """Return how many events there are."""
        return len(self._events)

    def item_line(self, index: int, width: int) -> Line:
        """Return time, level and message of an event."""
        event = self._events[index]
        sign, tone = _LEVELS.get(event.level, ("?", "warning"))
        time = clock_time(event.created_at)
        room = max(1, width - len(time) - 3)
        message_tone: Tone = "" if event.level == "info" else tone
        return (
            (time, "muted"),
            (f" {sign} ", tone),
            (fit(safe_line(event.message, 500), room), message_tone),
        )
