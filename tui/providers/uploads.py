"""Sends files whole, as a stream; large ones go in parts (`tui.providers.upload_parts`)."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tui.providers.paging import read_json
from tui.providers.progress_file import ProgressFile
from tui.providers.protocol import UploadProgress

if TYPE_CHECKING:
    from openai import OpenAI

_BYTE_ORDER_MARK = codecs.BOM_UTF8


def prefix_for(path: Path, byte_order_mark: str) -> bytes:
    """Return what goes before a file: a byte order mark where the service wants one and the file has none."""
    if byte_order_mark != "wanted":
        return b""
    with path.open("rb") as stream:
        return b"" if stream.read(len(_BYTE_ORDER_MARK)) == _BYTE_ORDER_MARK else _BYTE_ORDER_MARK


def upload_whole(
    client: OpenAI, path: Path, purpose: str, on_progress: UploadProgress | None, prefix: bytes = b""
) -> Mapping[str, Any]:
    """Stream a file in one request; retried by the client, the progress starting over."""
    with ProgressFile(path, on_progress, prefix) as stream:
        return read_json(
            client.files.with_raw_response.create(
                file=(remote_name(path), cast(Any, stream), "application/jsonl"),
                purpose=cast(Any, purpose),
            )
        )


def remote_name(path: Path) -> str:
    """Return the name that a file has at the service."""
    # The service takes only this ending for fine-tuning.
    return path.name if path.suffix.lower() == ".jsonl" else f"{path.name}.jsonl"
