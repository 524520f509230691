"""The journal: every change is on the disk before it is seen, so that a crash loses nothing.

One JSON object per line, only ever appended to. A header names the file. A change is its operations and
then a line "do" that makes them count; what is not followed by one was cut off by a crash and is dropped.
"undo", "redo", "saved" and "file" are lines of their own.
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from tui.datasets.edits.state import ContentPlace, Kind, Operation
from tui.errors import TunedeckError
from tui.paths import edits_dir, make_private

FORMAT = 1
_LENGTH_BITS = 32
_BUFFER = 1 << 20
_KINDS = frozenset(kind.value for kind in Kind)


class JournalInUse(TunedeckError):
    """Another program is changing the same file."""


def journal_path(path: Path) -> Path:
    """Return where the journal of a file is or would be."""
    key = blake2b(os.fsencode(os.path.realpath(path)), digest_size=8).hexdigest()
    return edits_dir() / f"{key}.jsonl"


def discard_edits(path: Path) -> None:
    """Throw away what was not saved of a file; nothing happens when there is nothing.

    Raises:
        TunedeckError: Another program is using it, or it can't be removed.
    """
    place = journal_path(path)
    if not place.exists():
        return
    journal = Journal.open(place)
    journal.remove()


class Journal:
    """An open journal, locked against other programs."""

    def __init__(self, place: Path, descriptor: int) -> None:
        self.place = place
        self._descriptor = descriptor
        self._end = os.fstat(descriptor).st_size
        self._waiting = bytearray()

    @classmethod
    def create(cls, place: Path, header: dict[str, Any]) -> Journal:
        """Start a journal; one that stands there already is set aside.

        Raises:
            TunedeckError: It can't be written, or another program is using it.
        """
        try:
            make_private(place.parent)
            if place.exists():
                Journal.open(place).set_aside()
            journal = cls._opened(place, os.O_CREAT | os.O_EXCL)
        except OSError as error:
            raise _unwritable(error) from error
        journal.add(header)
        journal.commit()
        return journal

    @classmethod
    def open(cls, place: Path) -> Journal:
        """Open a journal that exists.

        Raises:
            JournalInUse: Another program has it.
            TunedeckError: It can't be opened.
        """
        try:
            return cls._opened(place, 0)
        except OSError as error:
            raise _unwritable(error) from error

    @classmethod
    def _opened(cls, place: Path, flags: int) -> Journal:
        descriptor = os.open(place, os.O_RDWR | flags | getattr(os, "O_BINARY", 0), 0o600)
        try:
            _lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise JournalInUse(
                "Another tunedeck is changing this file.", "Save or close it there first."
            ) from error
        return cls(place, descriptor)

    @property
    def end(self) -> int:
        """Bytes written and waiting."""
        return self._end + len(self._waiting)

    def add(self, entry: dict[str, Any]) -> ContentPlace:
        """Append an entry, which counts once it is committed, and return its place.

        Raises:
            TunedeckError: The disk is full or gone.
        """
        line = orjson.dumps(entry) + b"\n"
        place = self.end << _LENGTH_BITS | len(line)
        self._waiting += line
        if len(self._waiting) > _BUFFER:
            self._flush()
        return place

    def commit(self) -> None:
        """Put everything on the disk.

        Raises:
            TunedeckError: The disk is full or gone.
        """
        self._flush()
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise _unwritable(error) from error

    def cut(self, end: int) -> None:
        """Drop what stands after a position."""
        self._waiting.clear()
        self._end = min(end, self._end)
        with suppress(OSError):  # what is left behind is not followed by "do", so it does not count
            os.ftruncate(self._descriptor, self._end)

    def content(self, place: ContentPlace) -> bytes:
        """Return the row's bytes that an entry holds."""
        entry = orjson.loads(self._bytes(place >> _LENGTH_BITS, place & (1 << _LENGTH_BITS) - 1))
        return _content_of(entry)

    def entries(self, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int, dict[str, Any]]]:
        """Yield (start, end, entry) of every whole line; stops at the first that is damaged."""
        for line in self._lines(start, self.end if end is None else end):
            try:
                entry = orjson.loads(line)
            except orjson.JSONDecodeError:
                return
            if not isinstance(entry, dict):
                return
            yield start, start + len(line), entry
            start += len(line)

    def _lines(self, start: int, end: int) -> Iterator[bytes]:
        self._flush()
        parts: list[bytes] = []
        while start < end and (block := _read_at(self._descriptor, min(_BUFFER, end - start), start)):
            start += len(block)
            if b"\n" not in block:
                parts.append(block)
                continue
            first, *lines = block.split(b"\n")
            yield b"".join([*parts, first, b"\n"])
            parts = [lines.pop()]
            yield from (line + b"\n" for line in lines)

    def close(self) -> None:
        """Let other programs have it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def remove(self) -> None:
        """Close it and delete it."""
        if os.name == "posix":
            self.place.unlink(missing_ok=True)
            self.close()
        else:
            self.close()
            self.place.unlink(missing_ok=True)

    def set_aside(self) -> None:
        """Close it and keep it under another name, in place of what was set aside before."""
        self.close()
        os.replace(self.place, self.place.with_suffix(".old.jsonl"))

    def _flush(self) -> None:
        try:
            while self._waiting:
                written = _write_at(self._descriptor, bytes(self._waiting[:_BUFFER]), self._end)
                self._end += written
                del self._waiting[:written]
        except OSError as error:
            raise _unwritable(error) from error

    def _bytes(self, start: int, length: int) -> bytes:
        self._flush()
        parts = []
        while length > 0:
            part = _read_at(self._descriptor, length, start)
            if not part:
                raise TunedeckError(f"{self.place} is damaged.", "Save what is left under a new name.")
            parts.append(part)
            start += len(part)
            length -= len(part)
        return b"".join(parts)


def operation_entry(operation: Operation, content: bytes | None, digest: str | None) -> dict[str, Any]:
    """Return an operation as a journal entry.

    Args:
        operation: The step.
        content: The row's new bytes.
        digest: Of the row in the file that it touches.
    """
    entry: dict[str, Any] = {"op": operation.kind.value, "id": operation.identity}
    for key in ("at", "to", "was"):
        if value := getattr(operation, key):
            entry[key] = value
    if digest is not None:
        entry["row"] = digest
    if content is not None:
        try:
            entry["text"] = content.decode("utf-8")
        except UnicodeDecodeError:
            entry["base64"] = base64.b64encode(content).decode()
    return entry


def entry_operation(entry: dict[str, Any], start: int, end: int) -> Operation | None:
    """Return the operation that an entry holds, or None when it holds none.

    Raises:
        ValueError: It is damaged.
    """
    if entry.get("op") not in _KINDS:
        return None
    place = start << _LENGTH_BITS | (end - start) if "text" in entry or "base64" in entry else 0
    numbers = {key: int(entry.get(key, 0)) for key in ("at", "to", "was")}
    return Operation(Kind(entry["op"]), int(entry["id"]), place=place, **numbers)


def _content_of(entry: dict[str, Any]) -> bytes:
    if "base64" in entry:
        return base64.b64decode(entry["base64"])
    return str(entry["text"]).encode("utf-8")


def _unwritable(error: OSError) -> TunedeckError:
    return TunedeckError(
        f"The journal of changes can't be written: {error.strerror or error}.",
        f"Nothing was changed. Make room in {edits_dir()}.",
    )


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 1 << 62, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _write_at(descriptor: int, data: bytes, offset: int) -> int:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.write(descriptor, data)

    def _read_at(descriptor: int, length: int, offset: int) -> bytes:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, length)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _write_at(descriptor: int, data: bytes, offset: int) -> int:
        return os.pwrite(descriptor, data, offset)

    def _read_at(descriptor: int, length: int, offset: int) -> bytes:
        return os.pread(descriptor, length, offset)
