"""/v1/files: create, list, retrieve, content, delete."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from tui.engine.api_errors import ApiError
from tui.engine.server.file_store import FILE_LIMIT, PURPOSES, RESULTS_PURPOSE, FileStore
from tui.engine.server.multipart import read_form
from tui.engine.server.requests import page_of

_SHORTEST_LIFE, _LONGEST_LIFE = 3600, 2_592_000
_LINES_LOOKED_AT = 10
_LONGEST_LINE_LOOKED_AT = 16 * 1024 * 1024


def require_purpose(purpose: str | None) -> str:
    """Return the purpose when a client may upload for it, and refuse it otherwise."""
    if purpose is None:
        raise ApiError(
            400, "Missing required parameter: 'purpose'.", param="purpose", code="missing_required_parameter"
        )
    if purpose not in PURPOSES:
        listed = ", ".join(f"'{name}'" for name in PURPOSES[:-1])
        raise ApiError(
            400,
            f"Invalid value: '{purpose[:80]}'. Supported values are: {listed}, and '{PURPOSES[-1]}'.",
            param="purpose",
            code="invalid_value",
        )
    return purpose


def lifetime_of(anchor: object, seconds: object) -> int | None:
    """Return the seconds a file may live, from the two parts of `expires_after`; None without them."""
    if anchor is None and seconds is None:
        return None
    if anchor != "created_at":
        raise ApiError(
            400,
            "Invalid value for 'expires_after.anchor'. Supported values are: 'created_at'.",
            param="expires_after.anchor",
            code="invalid_value",
        )
    text = str(seconds)
    value = int(text) if text.isdigit() and len(text) < 12 else -1
    if not _SHORTEST_LIFE <= value <= _LONGEST_LIFE:
        raise ApiError(
            400,
            f"Invalid 'expires_after.seconds': expected an integer from {_SHORTEST_LIFE} to {_LONGEST_LIFE}.",
            param="expires_after.seconds",
            code="invalid_value",
        )
    return value


def check_training_upload(path: Path) -> None:
    """Look at the first lines of a fine-tuning file, as the service does on upload.

    Raises:
        ApiError: 400 when one of them is no JSON dictionary, or the file is empty.
    """
    if path.stat().st_size == 0:
        raise ApiError(400, "Invalid file: the file is empty.", param="file", code="invalid_file")
    with path.open("rb") as stream:
        for number in range(1, _LINES_LOOKED_AT + 1):
            line = stream.readline(_LONGEST_LINE_LOOKED_AT)
            if not line:
                return
            if line.strip() and len(line) < _LONGEST_LINE_LOOKED_AT and not _is_dictionary(line):
                start = line[:4].decode("utf-8", "replace").rstrip("\r\n")
                raise ApiError(
                    400,
                    "Expected file to have JSONL format, where every line is a JSON dictionary. "
                    f'Line {number} is not a dictionary (HINT: line starts with: "{start}...").',
                    code=None,
                )


def _is_dictionary(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line.decode("utf-8")), dict)  # bytes would let a BOM and UTF-16 pass
    except (ValueError, RecursionError):
        return False


class FileRoutes:
    """The handlers, bound to one store."""

    def __init__(self, store: FileStore, incoming: Path) -> None:
        self._store = store
        self._incoming = incoming

    def routes(self) -> list[Route]:
        """Return the routes to mount."""
        return [
            Route("/v1/files", self.create, methods=["POST"]),
            Route("/v1/files", self.list_files, methods=["GET"]),
            Route("/v1/files/{file_id}", self.retrieve, methods=["GET"]),
            Route("/v1/files/{file_id}", self.delete, methods=["DELETE"]),
            Route("/v1/files/{file_id}/content", self.content, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """Receive a file."""
        form = await read_form(request, self._incoming, FILE_LIMIT)
        with form:
            _refuse_unknown_fields(form.fields)
            purpose = require_purpose(form.fields.get("purpose"))
            lifetime = lifetime_of(
                form.fields.get("expires_after[anchor]"), form.fields.get("expires_after[seconds]")
            )
            received = form.files.get("file")
            if received is None:
                raise ApiError(400, "'file' is a required property", param="file")
            if purpose == "fine-tune":
                await run_in_threadpool(check_training_upload, received.path)
            record = await run_in_threadpool(
                lambda: self._store.add(received.path, received.filename, purpose, lifetime=lifetime)
            )
        return JSONResponse(record.as_object())

    def list_files(self, request: Request) -> Response:
        """List files, newest first unless asked otherwise."""
        order = request.query_params.get("order", "desc")
        if order not in ("asc", "desc"):
            raise ApiError(
                400,
                f"Invalid value: '{order[:80]}'. Supported values are: 'asc' and 'desc'.",
                param="order",
                code="invalid_value",
            )
        purpose = request.query_params.get("purpose")
        if purpose is not None and purpose != RESULTS_PURPOSE:
            require_purpose(purpose)
        records = [record for record in self._store.all() if purpose in (None, record.purpose)]
        if order == "asc":
            records.reverse()
        objects = [record.as_object() for record in records]
        return JSONResponse(page_of(objects, request, default_limit=10_000, max_limit=10_000, with_ends=True))

    def retrieve(self, request: Request) -> Response:
        """Return one file object."""
        return JSONResponse(self._store.get(request.path_params["file_id"]).as_object())

    def delete(self, request: Request) -> Response:
        """Delete a file."""
        file_id = request.path_params["file_id"]
        self._store.delete(file_id)
        return JSONResponse({"id": file_id, "object": "file", "deleted": True})

    def content(self, request: Request) -> Response:
        """Return a file's bytes."""
        path = self._store.content_path(request.path_params["file_id"])
        return FileResponse(path, media_type="application/octet-stream")


def _refuse_unknown_fields(fields: Mapping[str, str]) -> None:
    known = {"purpose", "expires_after[anchor]", "expires_after[seconds]"}
    for name in fields:
        if name not in known:
            raise ApiError(
                400,
                f"Unknown parameter: '{name[:80]}'.",
                param=name[:80],
                code="unknown_parameter",
            )
