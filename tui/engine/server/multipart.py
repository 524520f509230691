"""Multipart bodies streamed straight to the engine's own disk; memory holds one network piece at a time."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from tui.engine.api_errors import ApiError
from tui.engine.server.requests import MEGABYTE, too_large

FIELD_LIMIT = 64 * 1024
"""Most bytes of all text fields together."""
MOST_FILES = 8
"""File parts of one form; the API knows forms with one."""
ENVELOPE_LIMIT = MEGABYTE
"""Bytes a body may hold beyond its file: boundaries, headers and text fields."""


@dataclass(slots=True)
class ReceivedFile:
    """A file part, waiting in the incoming folder."""

    path: Path
    filename: str
    size: int = 0


@dataclass(slots=True)
class ReceivedForm:
    """A parsed body; leaving its `with` block deletes what was not moved away."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, ReceivedFile] = field(default_factory=dict)

    def __enter__(self) -> ReceivedForm:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for received in self.files.values():
            received.path.unlink(missing_ok=True)


class _FormParser:
    """Turns the parser's callbacks into fields and files."""

    def __init__(self, boundary: bytes, folder: Path, file_limit: int) -> None:
        self.form = ReceivedForm()
        self.ended = False
        self._folder = folder
        self._file_limit = file_limit
        self._field_bytes = 0
        self._headers: dict[bytes, bytes] = {}
        self._header_name = b""
        self._header_value = b""
        self._part_name = ""
        self._text: bytearray | None = None
        self._stream: BinaryIO | None = None
        self._file: ReceivedFile | None = None
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_part_data": self._take_data,
                "on_part_end": self._end_part,
                "on_header_field": self._take_header_name,
                "on_header_value": self._take_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._open_part,
                "on_end": self._end,
            },
        )

    def feed(self, piece: bytes) -> None:
        self._parser.write(piece)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _begin_part(self) -> None:
        self._headers = {}

    def _take_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _take_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _open_part(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._part_name = options.get(b"name", b"").decode("utf-8", "replace")
        filename = options.get(b"filename")
        if filename is None:
            self._text = bytearray()
            return
        if len(self.form.files) >= MOST_FILES:
            raise ApiError(400, f"The form holds more than {MOST_FILES} files.")
        path = self._folder / secrets.token_hex(16)
        self._file = ReceivedFile(path, filename.decode("utf-8", "replace"))
        self.form.files[f"{self._part_name}#{len(self.form.files)}"] = self._file
        self._stream = path.open("xb")

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        if self._stream is not None and self._file is not None:
            self._file.size += end - start
            if self._file.size > self._file_limit:
                raise too_large(self._file_limit)
            self._stream.write(data[start:end])
        elif self._text is not None:
            self._field_bytes += end - start
            if self._field_bytes > FIELD_LIMIT:
                raise ApiError(400, "The form's text fields are too long.")
            self._text += data[start:end]

    def _end_part(self) -> None:
        if self._text is not None:
            self.form.fields[self._part_name] = self._text.decode("utf-8", "replace")
        self.close()
        self._text = self._file = None

    def _end(self) -> None:
        self.ended = True


async def read_form(request: Request, folder: Path, file_limit: int) -> ReceivedForm:
    """Receive a multipart body, its files into `folder`.

    Args:
        request: A request that says multipart/form-data.
        folder: Where file parts are written under random names.
        file_limit: Most bytes of one file part.

    Raises:
        ApiError: 400 for a body that is no form, 413 for a file over the limit.
        OSError: The disk is full; nothing is left of the body.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise ApiError(400, "Invalid body: expected a multipart/form-data request with a boundary.")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > file_limit + ENVELOPE_LIMIT:
        raise too_large(file_limit)
    parser = _FormParser(boundary, folder, file_limit)
    try:
        received = 0
        async for piece in request.stream():
            received += len(piece)
            if received > file_limit + ENVELOPE_LIMIT:
                raise too_large(file_limit)
            parser.feed(piece)
        if not parser.ended:
            raise ApiError(400, "The multipart body ended too early.")
    except BaseException as error:
        _discard(parser)
        if isinstance(error, MultipartParseError):
            raise ApiError(400, f"The multipart body could not be parsed: {error}.") from error
        raise
    parser.form.files = {name.rpartition("#")[0]: file for name, file in _first_files(parser.form.files)}
    return parser.form


def _discard(parser: _FormParser) -> None:
    # Closing flushes, which fails again on a full disk; the file is deleted anyway.
    with contextlib.suppress(OSError):
        parser.close()
    parser.form.__exit__(None, None, None)


def _first_files(files: Mapping[str, ReceivedFile]) -> list[tuple[str, ReceivedFile]]:
    """Keep one file for each field, delete the others."""
    kept: dict[str, tuple[str, ReceivedFile]] = {}
    for name, received in files.items():
        field_name = name.rpartition("#")[0]
        if field_name in kept:
            received.path.unlink(missing_ok=True)
        else:
            kept[field_name] = (name, received)
    return list(kept.values())
