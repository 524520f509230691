"""Finding stop strings in text that arrives in pieces, without ever showing a part of one."""

from __future__ import annotations

from collections.abc import Sequence


class StopMatcher:
    """Passes text on until one of `stops` appears; text that may be the start of one is held back.

    Args:
        stops: The strings that end the text; empty ones are ignored.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.matched: str | None = None
        """The stop string that was found, if any."""

    def feed(self, text: str) -> str:
        """Take the next piece and return what may be shown now; nothing more after a match."""
        if self.matched is not None:
            return ""
        self._held += text
        found = [(position, stop) for stop in self._stops if (position := self._held.find(stop)) >= 0]
        if found:
            # The one that is complete first, so that it doesn't matter how the text was cut into pieces.
            position, self.matched = min(found, key=lambda match: (match[0] + len(match[1]), match[0]))
            shown, self._held = self._held[:position], ""
            return shown
        keep = max((overlap(self._held, stop) for stop in self._stops), default=0)
        cut = len(self._held) - keep
        shown, self._held = self._held[:cut], self._held[cut:]
        return shown

    def finish(self) -> str:
        """Return what was held back and turned out not to be a stop string."""
        shown, self._held = self._held, ""
        return shown


def overlap(text: str, word: str) -> int:
    """Return the length of the longest end of `text` that is a beginning of `word`, but not all of it."""
    for length in range(min(len(text), len(word) - 1), 0, -1):
        if text.endswith(word[:length]):
            return length
    return 0
