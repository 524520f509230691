"""The run folder of a job: what server and worker read and write, each file whole or not at all.

Events are only ever appended, one system call per line, so that server and worker may both write and a crash
can tear no more than the last line. Nothing is ever cut off, since what looks torn may be a line that the
other process is just writing: whoever appends next begins a new line, and readers pass over the torn one.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tui.atomic import write_bytes

EVENTS, PROGRESS, DONE, RESULT = "events.jsonl", "progress.json", "done.json", "result.csv"
STOP_CANCEL, STOP_PAUSE = "stop-cancel", "stop-pause"
"""Files whose presence asks the worker to stop."""
ENGINE_VARIABLE = "TUNEDECK_ENGINE_PID"
"""Set by the engine to its own process id, which a worker it loses at once could not ask for any more."""

METRIC_COLUMNS = (
    "step",
    "train_loss",
    "train_mean_token_accuracy",
    "valid_loss",
    "valid_mean_token_accuracy",
    "full_valid_loss",
    "full_valid_mean_token_accuracy",
)
"""Columns of result.csv."""


def append_event(
    folder: Path,
    message: str,
    *,
    level: str = "info",
    kind: str = "message",
    data: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Append one OpenAI-shaped event and return it.

    Args:
        folder: The run folder.
        message: A sentence for a person.
        level: "info", "warn" or "error".
        kind: "message" or "metrics".
        data: Numbers of a metrics event.

    Raises:
        OSError: The disk is full.
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
    append_line(folder / EVENTS, event)
    return event


def append_line(path: Path, value: Mapping[str, Any]) -> None:
    """Append one JSON object to a file of lines, in one system call.

    Raises:
        OSError: The disk is full.
    """
    line = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        if not _ends_with_newline(descriptor):
            line = b"\n" + line
        written = os.write(descriptor, line)
    finally:
        os.close(descriptor)
    if written != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _ends_with_newline(descriptor: int) -> bool:
    """Say whether a line may follow; a needless new one only leaves an empty line, which readers skip."""
    if os.lseek(descriptor, 0, os.SEEK_END) == 0:
        return True
    os.lseek(descriptor, -1, os.SEEK_END)
    return os.read(descriptor, 1) == b"\n"


def read_events(folder: Path) -> list[dict[str, Any]]:
    """Return all whole events in the order they were written; lines torn by a crash are left out."""
    try:
        lines = (folder / EVENTS).read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    events = []
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            events.append(event)
    return events


def metrics_by_step(folder: Path) -> dict[int, dict[str, Any]]:
    """Return the data of every metrics event, by step."""
    found = {}
    for event in read_events(folder):
        data = event.get("data") or {}
        if event.get("type") == "metrics" and isinstance(data.get("step"), int):
            found[data["step"]] = data
    return found


def write_result(folder: Path) -> None:
    """Write result.csv from the metrics events, which are the one record of what was measured."""
    rows = [",".join(METRIC_COLUMNS)]
    for step, data in sorted(metrics_by_step(folder).items()):
        values = [step, *(data.get(column) for column in METRIC_COLUMNS[1:])]
        rows.append(",".join("" if value is None else str(value) for value in values))
    write_bytes(folder / RESULT, ("\n".join(rows) + "\n").encode())
