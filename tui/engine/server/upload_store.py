"""Files sent in parts: each upload is a folder of parts until it becomes one file or ends."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tui.engine.api_errors import ApiError
from tui.engine.atomic_files import read_json_object, write_json_atomically
from tui.engine.server.file_store import FileStore
from tui.engine.server.identifiers import is_id, new_id
from tui.engine.server.requests import MEGABYTE

UPLOAD_LIMIT = 8 * 1024 * MEGABYTE
"""Largest upload in bytes; with the next two, the service's own limits (API reference, read 2026-11)."""
PART_LIMIT = 64 * MEGABYTE
LIFETIME = 3600
"""Seconds an upload stays open."""
_COPY_BYTES = MEGABYTE
_MOST_HELD = 2
"""Times its size that an upload may hold in parts: one whose answer was lost is sent again."""


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """What upload.json holds."""

    id: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    expires_at: int
    mime_type: str
    status: str = "pending"
    file_lifetime: int | None = None
    file: dict[str, Any] | None = None

    def as_object(self) -> dict[str, Any]:
        """Return the service's upload object."""
        fields = asdict(self)
        for name in ("mime_type", "file_lifetime"):
            del fields[name]
        return {"object": "upload", **fields}


class UploadStore:
    """The uploads of one engine; thread-safe."""

    def __init__(self, folder: Path, files: FileStore, incoming: Path) -> None:
        self._folder = folder
        self._files = files
        self._incoming = incoming
        self._lock = threading.RLock()
        self._records: dict[str, UploadRecord] = {}
        for entry in folder.iterdir():
            record = _read_record(entry)
            if record is None or record.expires_at <= time.time():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                self._records[record.id] = record

    def create(self, record_without_id: Callable[[str, int], UploadRecord]) -> UploadRecord:
        """Open an upload made from an id and the current Unix second."""
        record = record_without_id(new_id("upload_"), int(time.time()))
        folder = self._folder / record.id
        with self._lock:
            self._drop_old()
            folder.mkdir(mode=0o700)
            try:
                write_json_atomically(folder / "upload.json", asdict(record))
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            self._records[record.id] = record
        return record

    def get(self, upload_id: str) -> UploadRecord:
        """Return an upload, expired when its hour is over.

        Raises:
            ApiError: 404 when there is none.
        """
        with self._lock:
            record = self._records.get(upload_id)
            if record is None:
                raise ApiError(404, f"No such Upload object: {upload_id[:80]}", param="upload_id")
            if record.status == "pending" and record.expires_at <= time.time():
                record = self._end(record, "expired")
            return record

    def add_part(self, upload_id: str, source: Path) -> dict[str, Any]:
        """Take over the file at `source` as one part and return the part object."""
        with self._lock:
            record = self._pending(upload_id)
            folder = self._folder / record.id
            size = source.stat().st_size
            held = sum(path.stat().st_size for path in folder.glob("part_*"))
            if size > record.bytes or held + size > _MOST_HELD * record.bytes:
                raise ApiError(
                    400,
                    f"The parts are larger than the {record.bytes} bytes this upload was made for.",
                    param="data",
                )
            part_id = new_id("part_")
            os.replace(source, folder / part_id)
        return {
            "id": part_id,
            "object": "upload.part",
            "created_at": int(time.time()),
            "upload_id": record.id,
        }

    def complete(
        self, upload_id: str, part_ids: list[str], md5: str | None, check: Callable[[Path], None]
    ) -> UploadRecord:
        """Join the parts in this order into a file.

        Args:
            upload_id: A pending upload.
            part_ids: Its parts.
            md5: Hexadecimal checksum of the whole; None checks none.
            check: Refuses a joined file whose content does not fit its purpose.

        Raises:
            ApiError: 400 for unknown parts, a wrong size or a wrong checksum; the upload stays pending.
        """
        with self._lock:
            record = self._pending(upload_id)
            folder = self._folder / record.id
            for part_id in part_ids:
                if not is_id("part_", part_id) or not (folder / part_id).is_file():
                    raise ApiError(400, f"No such part in this upload: {part_id[:80]}", param="part_ids")
            joined = self._incoming / record.id
            try:
                size, digest = _join([folder / part_id for part_id in part_ids], joined)
                if size != record.bytes:
                    raise ApiError(
                        400,
                        f"The parts have {size} bytes, but the upload was made for {record.bytes} bytes.",
                        param="part_ids",
                    )
                if md5 is not None and md5.lower() != digest:
                    raise ApiError(400, "The md5 checksum does not match the uploaded bytes.", param="md5")
                check(joined)
                made = self._files.add(joined, record.filename, record.purpose, lifetime=record.file_lifetime)
            finally:
                joined.unlink(missing_ok=True)
            return self._end(record, "completed", made.as_object())

    def cancel(self, upload_id: str) -> UploadRecord:
        """End an upload and delete its parts."""
        with self._lock:
            return self._end(self._pending(upload_id), "cancelled")

    def _pending(self, upload_id: str) -> UploadRecord:
        record = self.get(upload_id)
        if record.status != "pending":
            raise ApiError(400, f"Upload {record.id} is {record.status}.", code="upload_not_pending")
        return record

    def _end(self, record: UploadRecord, status: str, file: dict[str, Any] | None = None) -> UploadRecord:
        ended = replace(record, status=status, file=file)
        folder = self._folder / record.id
        write_json_atomically(folder / "upload.json", asdict(ended))
        self._records[record.id] = ended
        for part in folder.glob("part_*"):
            part.unlink(missing_ok=True)
        return ended

    def _drop_old(self) -> None:
        """Forget uploads a day after their end, so that the folder does not grow for ever."""
        for record in list(self._records.values()):
            if record.expires_at + 86_400 < time.time():
                shutil.rmtree(self._folder / record.id, ignore_errors=True)
                del self._records[record.id]


def _join(parts: list[Path], target: Path) -> tuple[int, str]:
    """Write the parts one after another; return (bytes, md5)."""
    digest = hashlib.md5(usedforsecurity=False)
    size = 0
    with target.open("xb") as output:
        for path in parts:
            with path.open("rb") as stream:
                while piece := stream.read(_COPY_BYTES):
                    digest.update(piece)
                    size += len(piece)
                    output.write(piece)
    return size, digest.hexdigest()


def _read_record(folder: Path) -> UploadRecord | None:
    value = read_json_object(folder / "upload.json")
    try:
        record = UploadRecord(**(value or {}))
    except TypeError:
        return None
    sound = is_id("upload_", folder.name) and record.id == folder.name and isinstance(record.expires_at, int)
    return record if sound else None
