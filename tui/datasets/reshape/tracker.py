"""Progress and cancel, handed through every step of an operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tui.datasets.row_pass import PassCancelled


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Tracker:
    """Who is told how far a step is, and who may stop it."""

    on_progress: Callable[[int, int], None] | None = None
    """Called with (bytes done, bytes in all) of the step under way."""
    cancelled: Callable[[], bool] = _never

    def tick(self, done: int, total: int) -> None:
        """Tell how far it is.

        Raises:
            PassCancelled: Somebody asked to stop.
        """
        if self.cancelled():
            raise PassCancelled
        if self.on_progress:
            self.on_progress(done, total)
