"""A key that leaves only when it is pressed twice."""

from __future__ import annotations

import time


class QuitGuard:
    """Remembers the first press for two seconds."""

    SECONDS = 2.0

    def __init__(self) -> None:
        self._first = -self.SECONDS

    @property
    def armed(self) -> bool:
        """True while a second press leaves."""
        return time.monotonic() - self._first < self.SECONDS

    def pressed(self) -> bool:
        """Note a press; return True when it is the second one in time."""
        if self.armed:
            return True
        self._first = time.monotonic()
        return False
