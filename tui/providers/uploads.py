"""Sends files: whole as a stream, or in parts when they are large."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tui.providers.paging import read_json
from tui.providers.progress_file import ProgressFile
from tui.providers.protocol import UploadProgress

if TYPE_CHECKING:
    from openai import OpenAI

_PART_BYTES = 64 * 1024 * 1024
"""Largest part that the uploads API takes (read 2026-11)."""


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
                file=(_remote_name(path), cast(Any, stream), "application/jsonl"),
                purpose=cast(Any, purpose),
            )
        )


def upload_in_parts(
    client: OpenAI, path: Path, purpose: str, on_progress: UploadProgress | None, prefix: bytes = b""
) -> Mapping[str, Any]:
    """Send a large file part by part, its MD5 checked at the end; given up, it is cancelled there."""
    import openai

    stream = ProgressFile(path, None, prefix)
    upload = client.uploads.create(
        bytes=stream.total, filename=_remote_name(path), mime_type="text/jsonl", purpose=cast(Any, purpose)
    )
    digest = hashlib.md5(usedforsecurity=False)
    part_ids, sent = [], 0
    try:
        with stream:
            while part := stream.read(_PART_BYTES):
                digest.update(part)
                part_ids.append(client.uploads.parts.create(upload.id, data=part).id)
                sent += len(part)
                if on_progress is not None:
                    on_progress(sent, stream.total)
        once = client.with_options(max_retries=0)
        done = read_json(
            once.uploads.with_raw_response.complete(upload.id, part_ids=part_ids, md5=digest.hexdigest())
        )
    except BaseException:
        with suppress(openai.OpenAIError):  # what stopped it is the error to tell
            client.with_options(max_retries=0).uploads.cancel(upload.id)
        raise
    inner = done.get("file")
    return inner if isinstance(inner, Mapping) else done


def _remote_name(path: Path) -> str:
    # The service takes only this ending for fine-tuning.
    return path.name if path.suffix.lower() == ".jsonl" else f"{path.name}.jsonl"
