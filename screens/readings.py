"""The order of readings of the store: of two that overlap, the one that began later is the one to show."""

from __future__ import annotations

import itertools


class Readings:
    """Numbers the readings of one screen, so that a slow old one is never shown over a newer one.

    A thread that reads can't be stopped: one that began before a change may post what it found after the
    one that began because of that change.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._shown = 0

    def begin(self) -> int:
        """Return the number of a reading that begins now; for any thread."""
        return next(self._numbers)

    def is_stale(self, number: int) -> bool:
        """Return whether a later reading is shown already, and note this one as shown if not."""
        if number < self._shown:
            return True
        self._shown = number
        return False
