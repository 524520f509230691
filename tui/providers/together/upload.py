"""Sends a file to Together: an address from the API, the bytes to that address, then Together's own check."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from tui.providers import rest
from tui.providers.failures import LOST_ANSWER, NOT_REACHED
from tui.providers.progress_file import ProgressFile
from tui.providers.protocol import ProviderError, UploadProgress

if TYPE_CHECKING:
    import httpx2
    from openai import OpenAI

_REDIRECTS = (301, 302, 303, 307, 308)
_CONFLICT, _SERVER_ERROR = 409, 500
_PLAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LARGEST_BYTES = 5 * 1024**3
_MOST_HOPS, _TRIES = 5, 3
_PIECE = 1024 * 1024
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
        _put(str(client.base_url), address, path, on_progress, sleep)
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
        if error.status_code not in _REDIRECTS:
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


def _put(
    base_url: str,
    address: str,
    path: Path,
    on_progress: UploadProgress | None,
    sleep: Callable[[float], None],
) -> None:
    """Put the bytes at an address that needs no key, so none is sent there; safe to repeat."""
    import httpx2

    with httpx2.Client(timeout=httpx2.Timeout(60.0, write=600.0), follow_redirects=False) as client:
        for attempt in range(1, _TRIES + 1):
            try:
                answer = _put_once(client, base_url, address, path, on_progress)
            except httpx2.ConnectError:
                if attempt == _TRIES:
                    raise ProviderError(
                        "The storage that Together named can't be reached.", "Check the network.",
                        code=NOT_REACHED, retryable=True,
                    ) from None  # fmt: skip
            except httpx2.TransportError:
                if attempt == _TRIES:
                    raise ProviderError(
                        "The connection to Together's storage broke off.", "Try again.", code=LOST_ANSWER,
                        retryable=True,
                    ) from None  # fmt: skip
            else:
                if answer.is_success:
                    return
                if answer.status_code < _SERVER_ERROR or attempt == _TRIES:
                    raise ProviderError(
                        f"Together's storage refused the file with {answer.status_code}.", "Try again.",
                        status=answer.status_code, retryable=answer.status_code >= _SERVER_ERROR,
                    )  # fmt: skip
            sleep(2.0**attempt)


def _put_once(
    client: httpx2.Client, base_url: str, address: str, path: Path, on_progress: UploadProgress | None
) -> httpx2.Response:
    for _ in range(_MOST_HOPS):
        parts = urlsplit(address)
        if parts.scheme != "https" and urlsplit(base_url).scheme == "https":
            raise ProviderError("Together named an address without encryption; nothing was sent there.", "")
        with ProgressFile(path, on_progress) as stream:
            length = {"Content-Length": str(stream.total)}
            answer = client.put(address, content=_pieces(stream), headers=length)
        if answer.status_code not in _REDIRECTS or "location" not in answer.headers:
            return answer
        address = urljoin(address, answer.headers["location"])
    return answer


def _pieces(stream: ProgressFile) -> Iterator[bytes]:
    while piece := stream.read(_PIECE):
        yield piece


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
