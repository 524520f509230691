"""/v1/uploads: create, parts, complete, cancel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tui.engine.api_errors import ApiError
from tui.engine.server.file_routes import check_training_upload, lifetime_of, require_purpose
from tui.engine.server.multipart import read_form
from tui.engine.server.requests import read_json_body
from tui.engine.server.upload_store import LIFETIME, PART_LIMIT, UploadRecord, UploadStore


class UploadRoutes:
    """The handlers, bound to one store."""

    def __init__(self, store: UploadStore, incoming: Path) -> None:
        self._store = store
        self._incoming = incoming

    def routes(self) -> list[Route]:
        """Return the routes to mount."""
        return [
            Route("/v1/uploads", self.create, methods=["POST"]),
            Route("/v1/uploads/{upload_id}/parts", self.add_part, methods=["POST"]),
            Route("/v1/uploads/{upload_id}/complete", self.complete, methods=["POST"]),
            Route("/v1/uploads/{upload_id}/cancel", self.cancel, methods=["POST"]),
        ]

    async def create(self, request: Request) -> Response:
        """Open an upload."""
        from tui.engine.server.body_errors import parse_body  # pydantic, after the port is open
        from tui.engine.server.upload_schema import CreateUpload

        body = parse_body(CreateUpload, await read_json_body(request))
        purpose = require_purpose(body.purpose)
        after = body.expires_after
        lifetime = lifetime_of(after.anchor, after.seconds) if after else None

        def record(upload_id: str, now: int) -> UploadRecord:
            return UploadRecord(
                id=upload_id,
                bytes=body.bytes,
                created_at=now,
                filename=body.filename,
                purpose=purpose,
                expires_at=now + LIFETIME,
                mime_type=body.mime_type,
                file_lifetime=lifetime,
            )

        return JSONResponse((await run_in_threadpool(self._store.create, record)).as_object())

    async def add_part(self, request: Request) -> Response:
        """Receive a part."""
        upload_id = request.path_params["upload_id"]
        self._store.get(upload_id)
        with await read_form(request, self._incoming, PART_LIMIT) as form:
            received = form.files.get("data")
            if received is None:
                raise ApiError(400, "'data' is a required property", param="data")
            return JSONResponse(await run_in_threadpool(self._store.add_part, upload_id, received.path))

    async def complete(self, request: Request) -> Response:
        """Join the parts into a file."""
        from tui.engine.server.body_errors import parse_body
        from tui.engine.server.upload_schema import CompleteUpload

        body = parse_body(CompleteUpload, await read_json_body(request))
        upload_id = request.path_params["upload_id"]
        purpose = self._store.get(upload_id).purpose
        check = check_training_upload if purpose == "fine-tune" else _accept
        record = await run_in_threadpool(self._store.complete, upload_id, body.part_ids, body.md5, check)
        return JSONResponse(record.as_object())

    def cancel(self, request: Request) -> Response:
        """End an upload."""
        return JSONResponse(self._store.cancel(request.path_params["upload_id"]).as_object())


def _accept(_: Any) -> None:
    """Let any content pass: only training files have rules."""
