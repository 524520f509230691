"""Files of the report cache: written whole or not at all, checked when read, the oldest removed first.

Two processes may use the folder at once: a file is put in place by a rename, and one that another process has
removed, or that is damaged, is a file that was never there.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from xxhash import xxh3_64_hexdigest

from tui import atomic, paths

MOST_BYTES = 512_000_000
"""Of all files together."""
MOST_FILE_BYTES = 256_000_000
"""A larger one is not kept."""
_WRITING_SECONDS = 3_600
_MARK = b"tunedeck-cache-1 "


def folder() -> Path:
    """Return the folder of the cache."""
    return paths.cache_dir() / "reports"


def read(name: str) -> Any:
    """Return the value of a file, or None where it is missing or damaged; it counts as used."""
    path = folder() / name
    try:
        content = path.read_bytes()
    except OSError:
        return None
    head, _, body = content.partition(b"\n")
    if head == _MARK + xxh3_64_hexdigest(body).encode():
        with suppress(msgspec.DecodeError):
            value = msgspec.msgpack.decode(body)
            with suppress(OSError):
                os.utime(path)
            return value
    remove(name)
    return None


def write(name: str, value: Any) -> None:
    """Keep a value; a full disk or a folder that can't be written to means that it is not kept."""
    body = msgspec.msgpack.encode(value)
    if len(body) > MOST_FILE_BYTES:
        remove(name)
        return
    with suppress(OSError):
        place = paths.make_private(folder())
        atomic.write_bytes(place / name, _MARK + xxh3_64_hexdigest(body).encode() + b"\n" + body)
        _make_room(place)


def remove(name: str) -> None:
    """Forget a file."""
    with suppress(OSError):
        (folder() / name).unlink()


def names(beginning: str) -> list[str]:
    """Return the names of the files that begin like this."""
    try:
        return sorted(entry.name for entry in os.scandir(folder()) if entry.name.startswith(beginning))
    except OSError:
        return []


def _make_room(place: Path) -> None:
    """Remove what was used longest ago until the rest has room."""
    found = []
    for entry in os.scandir(place):
        with suppress(OSError):
            status = entry.stat()
            if entry.name.endswith(".part") and status.st_mtime > time.time() - _WRITING_SECONDS:
                continue  # another process is writing it
            found.append((status.st_mtime_ns, status.st_size, entry.path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= MOST_BYTES:
            return
        with suppress(OSError):
            os.unlink(path)
        total -= size
