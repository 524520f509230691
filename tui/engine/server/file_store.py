"""Uploaded and result files on disk: one folder per id with its record and its bytes."""

from __future__ import annotations

import os
import shutil
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tui.engine.api_errors import ApiError
from tui.engine.atomic_files import read_json_object, write_json_atomically
from tui.engine.server.identifiers import is_id, new_id, random_letters
from tui.engine.server.requests import MEGABYTE

FILE_LIMIT = 512 * MEGABYTE
"""Largest file in bytes, the service's own limit."""
PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
"""Purposes a client may upload for."""
RESULTS_PURPOSE = "fine-tune-results"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What file.json holds; `filename` is only ever shown."""

    id: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    expires_at: int | None = None
    status: str = "processed"
    status_details: str | None = None
    order: int = 0
    """Nanoseconds at creation, so that files of one second keep their order."""

    def as_object(self) -> dict[str, Any]:
        """Return the service's file object."""
        fields = asdict(self)
        del fields["order"]
        return {"object": "file", **fields}


class FileStore:
    """The files of one engine; thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._records: dict[str, FileRecord] = {}
        self._load()

    def _load(self) -> None:
        for entry in self._folder.iterdir():
            if not is_id("file-", entry.name):
                shutil.rmtree(entry, ignore_errors=True)
                continue
            self._records[entry.name] = _read_record(entry)

    def add(
        self,
        source: Path,
        filename: str,
        purpose: str,
        *,
        lifetime: int | None = None,
        file_id: str | None = None,
    ) -> FileRecord:
        """Take over the file at `source`, which is moved, and return its record.

        Args:
            source: A complete file on the same disk.
            filename: The name its owner gave it.
            purpose: What it is for.
            lifetime: Seconds until it expires; None keeps it.
            file_id: A fixed id, for results; adding it again replaces it.
        """
        now = int(time.time())
        record = FileRecord(
            id=file_id or new_id("file-"),
            bytes=source.stat().st_size,
            created_at=now,
            filename=filename[:1000],
            purpose=purpose,
            expires_at=now + lifetime if lifetime else None,
            order=time.time_ns(),
        )
        staging = self._folder / f".new-{random_letters(12)}"
        try:
            staging.mkdir(mode=0o700)
            os.replace(source, staging / "content")
            _flush(staging / "content")
            write_json_atomically(staging / "file.json", asdict(record))
            with self._lock:
                shutil.rmtree(self._folder / record.id, ignore_errors=True)
                os.replace(staging, self._folder / record.id)
                self._records[record.id] = record
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        return record

    def get(self, file_id: str) -> FileRecord:
        """Return a file's record.

        Raises:
            ApiError: 404 when there is none, or it has expired.
        """
        self.drop_expired()
        with self._lock:
            record = self._records.get(file_id)
        if record is None:
            raise ApiError(404, f"No such File object: {file_id[:80]}", param="id")
        return record

    def all(self) -> list[FileRecord]:
        """Return all files, newest first."""
        self.drop_expired()
        with self._lock:
            return sorted(self._records.values(), key=lambda record: record.order, reverse=True)

    def content_path(self, file_id: str) -> Path:
        """Return where the bytes of an existing file are."""
        return self._folder / self.get(file_id).id / "content"

    def delete(self, file_id: str) -> None:
        """Forget a file and delete its bytes; jobs keep their own copy.

        Raises:
            ApiError: 404 when there is none.
        """
        with self._lock:
            self.get(file_id)
            self._remove(file_id)

    def drop_expired(self) -> None:
        """Delete files whose time is over."""
        now = time.time()
        with self._lock:
            for record in list(self._records.values()):
                if record.expires_at is not None and record.expires_at <= now:
                    self._remove(record.id)

    def _remove(self, file_id: str) -> None:
        # Renamed first: a half-deleted folder must not come back as a file after a crash.
        grave = self._folder / f".gone-{random_letters(12)}"
        os.replace(self._folder / file_id, grave)
        del self._records[file_id]
        shutil.rmtree(grave, ignore_errors=True)


def _flush(path: Path) -> None:
    """Wait until a file's bytes are on the disk: its record, written next, must not outlive them."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def _read_record(folder: Path) -> FileRecord:
    """Read file.json; a damaged one becomes a record in error that can be seen and deleted."""
    value = read_json_object(folder / "file.json") or {}
    known = {name: value[name] for name in FileRecord.__dataclass_fields__ if name in value}
    try:
        record = FileRecord(**known)
        if record.id == folder.name and isinstance(record.order, int) and isinstance(record.created_at, int):
            return record
    except TypeError:
        pass
    content = folder / "content"
    status = folder.stat()
    return FileRecord(
        id=folder.name,
        bytes=content.stat().st_size if content.is_file() else 0,
        created_at=int(status.st_mtime),
        filename="unknown",
        purpose="fine-tune",
        status="error",
        status_details="The record of this file was damaged on disk.",
        order=status.st_mtime_ns,
    )
