"""Progress on stderr that appears only when the work takes longer than a second."""

from __future__ import annotations

import time
from types import TracebackType

from tui.cli.output import ProgressLine

_PATIENCE_SECONDS = 1.0


class SlowProgress:
    """A progress line for work that is mostly over before anyone would read one."""

    def __init__(self, label: str) -> None:
        self._line = ProgressLine(label)
        self._started = time.monotonic()

    def __enter__(self) -> SlowProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.finish()

    def update(self, done: int, total: int) -> None:
        """Show `done` of `total`, from the second second on."""
        if time.monotonic() - self._started > _PATIENCE_SECONDS:
            self._line.update(done, total)
