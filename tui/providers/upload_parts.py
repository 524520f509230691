"""Sends a large file part by part: what the service has taken already is not sent again after a crash.

Every part is noted with its checksum once the service has taken it. An upload that broke off, by the network
or because the program was killed, is gone on with while the service keeps it open, an hour after its begin;
only a refusal ends it there.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tui.providers.paging import all_pages, read_json
from tui.providers.progress_file import ProgressFile
from tui.providers.protocol import UploadProgress
from tui.providers.uploads import remote_name
from tui.records.uploads import OpenUpload, SentPart, UploadNotes

if TYPE_CHECKING:
    from openai import OpenAI

_PART_BYTES = 16 * 1024 * 1024
"""A quarter of the largest part that the uploads API takes (read 2026-11): less is sent twice."""
_SPARE_SECONDS = 60
"""An upload that ends so soon is not gone on with."""
_LATER = (401, 403, 408, 429)
"""Refusals that say nothing of the upload itself; beside them, the same may succeed later."""
_FILES_PER_PAGE = 1000


def upload_in_parts(
    client: OpenAI, path: Path, purpose: str, on_progress: UploadProgress | None, prefix: bytes = b"",
    notes: UploadNotes | None = None,
) -> Mapping[str, Any]:  # fmt: skip
    """Send a large file part by part, its MD5 checked at the end; refused, it is cancelled there.

    Args:
        client: Of the account.
        path: The file.
        purpose: What it is for.
        on_progress: Told (bytes there, bytes in all).
        prefix: Goes before the file.
        notes: Where parts are kept, and taken up from; None keeps none.
    """
    import openai

    total = path.stat().st_size + len(prefix)
    known = notes.open_upload() if notes is not None else None
    sending = _Sending(client, path, purpose, prefix, on_progress, notes)
    if known is not None and _can_go_on(known, total):
        try:
            return sending.send(known)
        except openai.APIStatusError as error:
            if not _is_refusal(error):
                raise
        # The service has ended it: by its hour, or because the answer to its completion was lost.
        found = _completed(client, path, purpose, known)
        if notes is not None:
            notes.ended(known.id)
        if found is not None:
            return found
    upload = sending.begin(total)
    try:
        return sending.send(upload)
    except openai.APIStatusError as error:
        if _is_refusal(error):
            with suppress(openai.OpenAIError):  # what was refused is the error to tell
                client.with_options(max_retries=0).uploads.cancel(upload.id)
            if notes is not None:
                notes.ended(upload.id)
        raise


class _Sending:
    """One file on its way."""

    def __init__(
        self, client: OpenAI, path: Path, purpose: str, prefix: bytes, on_progress: UploadProgress | None,
        notes: UploadNotes | None,
    ) -> None:  # fmt: skip
        self._client = client
        self._path = path
        self._purpose = purpose
        self._prefix = prefix
        self._on_progress = on_progress
        self._notes = notes

    def begin(self, total: int) -> OpenUpload:
        """Open an upload at the service and keep that."""
        made = self._client.uploads.create(
            bytes=total,
            filename=remote_name(self._path),
            mime_type="text/jsonl",
            purpose=cast(Any, self._purpose),
        )
        upload = OpenUpload(made.id, total, _PART_BYTES, _number(made.created_at), _number(made.expires_at))
        if self._notes is not None:
            self._notes.begun(upload)
        return upload

    def send(self, upload: OpenUpload) -> Mapping[str, Any]:
        """Send what is missing of an upload, complete it, and return the file."""
        import openai

        digest = hashlib.md5(usedforsecurity=False)
        taken = {part.number: part for part in upload.parts}
        part_ids: list[str] = []
        done = 0
        with ProgressFile(self._path, None, self._prefix) as stream:
            while content := stream.read(upload.part_bytes):
                digest.update(content)
                part = self._part(upload, taken, len(part_ids), content)
                part_ids.append(part.id)
                done += len(content)
                if self._on_progress is not None:
                    self._on_progress(done, upload.bytes)
        once = self._client.with_options(max_retries=0)
        try:
            answer = read_json(
                once.uploads.with_raw_response.complete(upload.id, part_ids=part_ids, md5=digest.hexdigest())
            )
        except (openai.APIConnectionError, openai.InternalServerError):
            found = None
            with suppress(openai.OpenAIError):  # the lost answer is the error to tell
                found = _completed(self._client, self._path, self._purpose, upload)
            if found is None:
                raise
            answer = found
        if self._notes is not None:
            self._notes.ended(upload.id)
        inner = answer.get("file")
        return inner if isinstance(inner, Mapping) else answer

    def _part(
        self, upload: OpenUpload, taken: Mapping[int, SentPart], number: int, content: bytes
    ) -> SentPart:
        sha256 = hashlib.sha256(content).hexdigest()
        known = taken.get(number)
        if known is not None and known == replace(known, sha256=sha256, bytes=len(content)):
            return known
        made = self._client.uploads.parts.create(upload.id, data=content)
        part = SentPart(number, sha256, len(content), made.id)
        if self._notes is not None:
            self._notes.part_sent(upload.id, part)
        return part


def _can_go_on(upload: OpenUpload, total: int) -> bool:
    ends = upload.expires_at
    return upload.bytes == total and (ends is None or ends - time.time() > _SPARE_SECONDS)


def _is_refusal(error: Any) -> bool:
    return 400 <= error.status_code < 500 and error.status_code not in _LATER


def _completed(client: OpenAI, path: Path, purpose: str, upload: OpenUpload) -> Mapping[str, Any] | None:
    """Return the file that an upload became although its answer was lost; None when the list shows none.

    The service completes an upload only if its MD5 fits, so that a file of its name and size, made since the
    upload was begun, is this one.
    """
    if upload.created_at is None:
        return None
    entries = all_pages(
        lambda **page: read_json(client.files.with_raw_response.list(purpose=purpose, **page)),
        page_size=_FILES_PER_PAGE,
    )
    for raw in entries:
        made_at = _number(raw.get("created_at"))
        named = (raw.get("filename"), raw.get("bytes")) == (remote_name(path), upload.bytes)
        if named and made_at is not None and made_at >= upload.created_at:
            return raw
    return None


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
