"""The files of a job's run folder that the worker and the server both write."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def append_event(
    folder: Path,
    message: str,
    *,
    level: str = "info",
    kind: str = "message",
    data: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Append one event object to a run folder's events.jsonl in a single write, and return it.

    Args:
        folder: The run folder.
        message: What a person reads.
        level: "info", "warn" or "error".
        kind: The event's `type`: "message" or "metrics".
        data: The numbers of a metrics event.
    """
    event = {
        "object": "fine_tuning.job.event",
        "id": f"ftevent-{secrets.token_hex(12)}",
        "created_at": int(time.time()),
        "level": level,
        "message": message,
        "type": kind,
        "data": dict(data or {}),
    }
    line = json.dumps(event, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
    descriptor = os.open(folder / "events.jsonl", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line  # a line torn by a crash must not swallow this one
        os.write(descriptor, line)
    finally:
        os.close(descriptor)
    return event
