"""Makes a dataset of a file at Fireworks: named by its content, so that the same file goes up once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tui.providers import rest
from tui.providers.fireworks.answers import trouble_of
from tui.providers.paging import read_body
from tui.providers.progress_file import ProgressFile
from tui.providers.protocol import ProviderError, UploadProgress
from tui.providers.storage import put_file

if TYPE_CHECKING:
    from openai import OpenAI

_CONFLICT = 409
_LARGEST_DIRECT_BYTES = 100 * 1024 * 1024
"""Above it a file goes to a signed address; the service's own limit is 150 MB (assumed 2026-11-29)."""
_CHECK_SECONDS, _LONGEST_PAUSE = 120.0, 5.0
"""So long the service's look at a dataset is waited for; a longer one goes on there, and the job waits."""


def upload(
    client: OpenAI, path: Path, on_progress: UploadProgress | None,
    sleep: Callable[[float], None] = time.sleep,
) -> Mapping[str, Any]:  # fmt: skip
    """Send a file and return its dataset; safe to repeat, and what is there already is not sent.

    Raises:
        ProviderError: It could not be sent, or the service found it wrong.
    """
    with path.open("rb") as stream:
        dataset_id = f"td-{hashlib.file_digest(stream, 'sha256').hexdigest()[:40]}"
    with path.open("rb") as stream:
        rows = sum(1 for line in stream if line.strip())
    place = f"/datasets/{dataset_id}"
    dataset = _create(client, dataset_id, path.name, rows)
    if dataset is None:
        dataset = rest.get_json(client, place)
    if dataset.get("state") != "READY" or trouble_of(dataset):
        if path.stat().st_size > _LARGEST_DIRECT_BYTES:
            _send_signed(client, place, path, on_progress, sleep)
        else:
            _send(client, place, path, on_progress)
        dataset = _ready(client, place, sleep)
    return {"name": dataset_id, **dataset}


def _create(client: OpenAI, dataset_id: str, name: str, rows: int) -> Mapping[str, Any] | None:
    """Return the new dataset, or None when there is one of this content."""
    body = {
        "datasetId": dataset_id,
        "dataset": {"displayName": name[:60], "exampleCount": str(rows), "userUploaded": {}},
    }
    import openai

    try:
        return rest.post_json(client, "/datasets", body)
    except openai.APIStatusError as error:
        if error.status_code != _CONFLICT:
            raise
        return None


def _send(client: OpenAI, place: str, path: Path, on_progress: UploadProgress | None) -> None:
    import httpx2

    with ProgressFile(path, on_progress) as stream:
        read_body(client.post(
            f"{place}:upload", cast_to=httpx2.Response,
            files={"file": (path.name, cast(Any, stream), "application/octet-stream")},
            options={"headers": {"Content-Type": "multipart/form-data"}},
        ))  # fmt: skip


def _send_signed(
    client: OpenAI, place: str, path: Path, on_progress: UploadProgress | None, sleep: Callable[[float], None]
) -> None:
    size = path.stat().st_size
    told = rest.post_json(client, f"{place}:getUploadEndpoint", {"filenameToSize": {path.name: str(size)}})
    addresses = told.get("filenameToSignedUrls")
    address = addresses.get(path.name) if isinstance(addresses, Mapping) else None
    if not isinstance(address, str):
        raise ProviderError("Fireworks named no address for the file's bytes.", "Try again.", retryable=True)
    # What such addresses are signed for, after the service's guide (assumed 2026-11-29).
    headers = {"Content-Type": "application/octet-stream", "x-goog-content-length-range": f"{size},{size}"}
    put_file("Fireworks", str(client.base_url), address, path, on_progress, sleep, headers)
    rest.post_json(client, f"{place}:validateUpload", {})


def _ready(client: OpenAI, place: str, sleep: Callable[[float], None]) -> Mapping[str, Any]:
    waited, pause = 0.0, 0.5
    while True:
        dataset = rest.get_json(client, place)
        trouble = trouble_of(dataset)
        if trouble:
            raise ProviderError(
                f"Fireworks refused the file: {trouble.rstrip('.')}.",
                "`tunedeck check FILE --provider fireworks` shows where; no job was created.",
                code="invalid_file", status=400,
            )  # fmt: skip
        if dataset.get("state") == "READY" or waited >= _CHECK_SECONDS:
            return dataset
        sleep(pause)
        waited += pause
        pause = min(_LONGEST_PAUSE, 2 * pause)
