"""How many threads a worker may use: its share of the cores, one less while somebody is chatting."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tui.atomic import write_bytes

CHAT_ACTIVE = "chat-active"
"""In the engine's root; touched by the server while it generates."""
CHAT_SECONDS = 3.0
"""After so long without a touch the chat counts as over."""
WORKERS_HERE = "workers-here"
"""In the engine's root: how many workers train on this machine now; absent where it is one."""
NICENESS = 5
"""Of a worker; lets the chat and the person's other programs go first."""


def usable_cores() -> int:
    """Return the cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def tell_workers_here(engine_root: Path, count: int) -> None:
    """Write down how many workers share this machine's cores."""
    file = engine_root / WORKERS_HERE
    if count > 1:
        write_bytes(file, str(count).encode())
    else:
        file.unlink(missing_ok=True)


def allowed_threads(engine_root: Path, cores: int) -> int:
    """Return how many threads to compute with right now."""
    share = max(1, cores // _workers_here(engine_root))
    try:
        idle = time.time() - (engine_root / CHAT_ACTIVE).stat().st_mtime
    except OSError:
        return share
    return max(1, min(share, cores - 1)) if idle < CHAT_SECONDS else share


def _workers_here(engine_root: Path) -> int:
    try:
        text = (engine_root / WORKERS_HERE).read_text()
    except OSError:
        return 1
    return max(1, int(text)) if text.isdecimal() else 1
