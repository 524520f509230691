"""How the real screens and the bare ones are paced, so that both do the same."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

SIZE = (140, 40)
OTHER_SIZE = (120, 36)
PRESSES = 60


async def cpu_per(repeat: int, act: Callable[[], Awaitable[None]]) -> float:
    """Return the CPU time of this process per call in milliseconds."""
    started = time.process_time()
    for _ in range(repeat):
        await act()
    return (time.process_time() - started) * 1000 / repeat
