"""How many threads a worker may use: all cores, or one less while somebody is chatting with the engine."""

from __future__ import annotations

import os
import time
from pathlib import Path

CHAT_ACTIVE = "chat-active"
"""In the engine's root; touched by the server while it generates."""
CHAT_SECONDS = 3.0
"""After so long without a touch the chat counts as over."""


def usable_cores() -> int:
    """Return the cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def allowed_threads(engine_root: Path, cores: int) -> int:
    """Return how many threads to compute with right now."""
    try:
        idle = time.time() - (engine_root / CHAT_ACTIVE).stat().st_mtime
    except OSError:
        return cores
    return max(1, cores - 1) if idle < CHAT_SECONDS else cores
