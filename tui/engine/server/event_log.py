"""A job's events as the worker and the server append them, read without reading the old ones again."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any


class EventLog:
    """The whole lines of one events.jsonl; thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._offset = 0
        self._events: list[dict[str, Any]] = []
        self._ids: set[str] = set()

    def events(self) -> list[dict[str, Any]]:
        """Return all events, oldest first."""
        with self._lock:
            self._read_on()
            return list(self._events)

    def _read_on(self) -> None:
        try:
            with self._path.open("rb") as stream:
                size = stream.seek(0, 2)
                if size < self._offset:  # somebody cut the file: start over
                    self._offset, self._events, self._ids = 0, [], set()
                stream.seek(self._offset)
                fresh = stream.read()
        except FileNotFoundError:
            return
        whole = fresh.rfind(b"\n") + 1
        self._offset += whole
        for line in fresh[:whole].splitlines():
            self._keep(line)

    def _keep(self, line: bytes) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            return  # a line torn by a crash; its writer says the same again
        if isinstance(event, dict) and isinstance(event.get("id"), str) and event["id"] not in self._ids:
            self._ids.add(event["id"])
            self._events.append(event)
