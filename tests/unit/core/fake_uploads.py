"""A service whose uploads in parts behave as OpenAI's: ids, an hour of life, a checksum, an end."""

from __future__ import annotations

import hashlib
import json
import time
from typing import ClassVar

from tests.unit.core.fake_service import FakeService, Json, _Handler

PARTS = "parts"


class FakeUploads(FakeService):
    """Keeps uploads and their parts; `part_calls` says which bytes came, however often."""

    def __init__(self) -> None:
        super().__init__()
        self.RequestHandlerClass = _UploadHandler
        self.uploads: dict[str, Json] = {}
        self.parts: dict[str, bytes] = {}
        self.part_calls: list[bytes] = []
        self.part_faults: dict[int, object] = {}
        """Number of a call for a part, from 1 -> a fault, used once."""


class _UploadHandler(_Handler):
    server: FakeUploads
    routes: ClassVar[list[tuple[str, str, str]]] = [
        ("POST", r"/v1/uploads", "_begin"),
        ("POST", r"/v1/uploads/([^/]+)/parts", "_part"),
        ("POST", r"/v1/uploads/([^/]+)/complete", "_complete"),
        ("POST", r"/v1/uploads/([^/]+)/cancel", "_cancel"),
        *_Handler.routes,
    ]

    def _begin(self) -> None:
        body = json.loads(self.body)
        upload_id = f"upload-{len(self.server.uploads) + 1}"
        now = int(time.time())
        self.server.uploads[upload_id] = {
            "id": upload_id, "object": "upload", "status": "pending", "created_at": now,
            "expires_at": now + 3600, "bytes": body["bytes"], "filename": body["filename"],
            "purpose": body["purpose"],
        }  # fmt: skip
        self.send(self.server.uploads[upload_id])

    def _pending(self, upload_id: str) -> Json | None:
        upload = self.server.uploads.get(upload_id)
        if upload is None:
            self.refuse(404, "no such upload")
        elif upload["status"] != "pending" or upload["expires_at"] <= time.time():
            self.refuse(400, f"Upload {upload_id} is {upload['status']}.")
            return None
        return upload

    def _part(self, upload_id: str) -> None:
        part = next(one for one in self.body.split(b"\r\n--") if b'name="data"' in one)
        content = part.split(b"\r\n\r\n", 1)[1]
        self.server.part_calls.append(content)
        fault = self.server.part_faults.pop(len(self.server.part_calls), None)
        if callable(fault) and fault(self):
            return
        if self._pending(upload_id) is not None:
            self.send(self.take_part(upload_id, content))

    def take_part(self, upload_id: str, content: bytes) -> Json:
        part_id = f"{upload_id}-part-{len(self.server.parts) + 1}"
        self.server.parts[part_id] = content
        return {"id": part_id, "object": "upload.part", "upload_id": upload_id}

    def _complete(self, upload_id: str) -> None:
        upload = self._pending(upload_id)
        if upload is not None:
            self.send(self.join(upload))

    def join(self, upload: Json) -> Json:
        body = json.loads(self.body)
        content = b"".join(self.server.parts[part_id] for part_id in body["part_ids"])
        assert len(content) == upload["bytes"]
        assert body["md5"] == hashlib.md5(content, usedforsecurity=False).hexdigest()
        file_id = f"file-of-{upload['id']}"
        self.server.contents[file_id] = content
        self.server.files[file_id] = {
            "id": file_id, "object": "file", "bytes": len(content), "created_at": int(time.time()),
            "purpose": upload["purpose"], "filename": upload["filename"], "status": "processed",
        }  # fmt: skip
        upload["status"] = "completed"
        return {**upload, "file": self.server.files[file_id]}

    def _cancel(self, upload_id: str) -> None:
        if (upload := self._pending(upload_id)) is not None:
            upload["status"] = "cancelled"
            self.send(upload)


def complete_and_drop(handler: _Handler) -> bool:
    """Complete the upload, then lose the answer."""
    assert isinstance(handler, _UploadHandler)
    handler.join(handler.server.uploads[handler.path.split("/")[3]])
    handler.drop()
    return True


def take_and_drop(handler: _Handler) -> bool:
    """Take a part, then lose the answer."""
    assert isinstance(handler, _UploadHandler)
    handler.take_part(handler.path.split("/")[3], handler.server.part_calls[-1])
    handler.drop()
    return True
