"""Sends a file to Together: an address from the API, the bytes to that address, then Together's own check."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from tui.providers import rest
from tui.providers.protocol import ProviderError, UploadProgress
from tui.providers.storage import REDIRECTS, put_file

if TYPE_CHECKING:
    from openai import OpenAI

_CONFLICT = 409
_PLAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LARGEST_BYTES = 5 * 1024**3
_CHECK_SECONDS, _LONGEST_PAUSE = 120.0, 5.0
"""So long Together's check of a file is waited for; a longer one goes on there, and the job waits for it."""
_UNDER_WAY = ("pending", "queued", "running")
_REFUSED = ("failed", "invalid_format")


def upload(
    client: OpenAI, path: Path, purpose: str, on_progress: UploadProgress | None,
    sleep: Callable[[float], None] = time.sleep,
) -> Mapping[str, Any]:  # fmt: skip
    """Send a file and return what Together says of it once it has checked it; safe to repeat.

    Raises:
        ProviderError: It could not be sent, or Together's check refused it; the message has Together's words.
    """
    if path.stat().st_size > _LARGEST_BYTES:
        # Together takes up to 50 GB, in parts by another route, which is not spoken here.
        raise ProviderError(f"{path.name} is larger than the 5 GB that one upload takes.", "Split the file.")
    address, file_id = _begin(client, path, purpose)
    if address is not None:
        put_file("Together", str(client.base_url), address, path, on_progress, sleep)
        file = rest.post_json(client, f"/files/{file_id}/preprocess")
    else:
        file = rest.get_json(client, f"/files/{file_id}")
    return _checked(client, file_id, file, sleep)


def _begin(client: OpenAI, path: Path, purpose: str) -> tuple[str | None, str]:
    """Return where the bytes go and the file's id; no address when Together holds the same file already."""
    import httpx2
    import openai

    with path.open("rb") as stream:
        checksum = hashlib.file_digest(stream, "sha256").hexdigest()
    name = path.name if path.suffix.lower() == ".jsonl" else f"{path.name}.jsonl"
    fields = {"purpose": purpose, "file_name": name, "file_type": "jsonl", "checksum": checksum}
    try:
        answer = client.post(
            "/files", cast_to=httpx2.Response, body=fields,
            options={"headers": {"Content-Type": "multipart/form-data"}, "follow_redirects": False},
        )  # fmt: skip
    except openai.APIStatusError as error:
        if error.status_code == _CONFLICT and isinstance(error.body, Mapping) and error.body.get("file_id"):
            return None, _plain(error.body["file_id"])
        if error.status_code not in REDIRECTS:
            raise
        answer = error.response
    address = answer.headers.get("location")
    if not address:
        raise ProviderError(
            "Together named no address for the file's bytes.", "Try again; check the base URL if it goes on.",
            status=answer.status_code,
        )  # fmt: skip
    return str(urljoin(str(client.base_url), address)), _plain(answer.headers.get("x-together-file-id"))


def _plain(file_id: object) -> str:
    if not isinstance(file_id, str) or not _PLAIN_ID.fullmatch(file_id):
        raise ProviderError("Together gave the file no id that can be used.", "Try again.")
    return file_id


def _checked(
    client: OpenAI, file_id: str, file: Mapping[str, Any], sleep: Callable[[float], None]
) -> Mapping[str, Any]:
    waited, pause = 0.0, 0.5
    while str(file.get("processing_status") or "").lower() in _UNDER_WAY and waited < _CHECK_SECONDS:
        sleep(pause)
        waited += pause
        pause = min(_LONGEST_PAUSE, 2 * pause)
        file = rest.get_json(client, f"/files/{file_id}")
    if str(file.get("processing_status") or "").lower() in _REFUSED:
        report = file.get("validation_report")
        words = report.get("error") if isinstance(report, Mapping) else None
        raise ProviderError(
            f"Together's check refused the file: {str(words or file['processing_status']).rstrip('.')}.",
            "`tunedeck check FILE --provider together` shows where; no job was created.",
            code="invalid_file", status=400,
        )  # fmt: skip
    return {"id": file_id, **file}
