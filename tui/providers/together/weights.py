"""Fetches the adapter that a job made: as one archive, gone on with where it broke off."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from tui.errors import TunedeckError, is_out_of_space
from tui.providers.protocol import ProviderError, UploadProgress

if TYPE_CHECKING:
    import httpx2
    from openai import OpenAI

_PIECE = 64 * 1024
"""What a break loses at most."""
_TRIES = 5
"""Attempts in a row that bring no new byte before it is given up."""
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_PARTIAL, _NO_SUCH_RANGE = 206, 416


def fetch_adapter(
    client: OpenAI, job_id: str, folder: Path, on_progress: UploadProgress | None,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:  # fmt: skip
    """Write the adapter's archive into a folder and return its path, which appears only when it is whole.

    Args:
        client: The account's.
        job_id: A job that has succeeded, with LoRA.
        folder: Where it goes, beside a `.part` that a later call goes on with.
        on_progress: Told (bytes so far, bytes in all; 0 where that is not told).
        sleep: Waits between attempts.

    Raises:
        ProviderError: The service refuses, or brings nothing new any more.
        TunedeckError: The disk is full or can't be written.
    """
    import httpx2
    import openai

    part = folder / "weights.part"
    failures = 0
    while True:
        before = _size(part)
        try:
            ending = _fetch_rest(client, job_id, part, on_progress)
        except OSError as error:
            full = is_out_of_space(error)
            raise TunedeckError(
                f"{part} can't be written: {'the disk is full' if full else error.strerror or error}.",
                "What is there stays and is gone on with.",
            ) from None
        except (httpx2.TransportError, openai.APIConnectionError):
            ending = None
        if ending is not None:
            target = folder / f"weights.{ending}"
            os.replace(part, target)
            return target
        failures = 0 if _size(part) > before else failures + 1
        if failures == _TRIES:
            raise ProviderError(
                "The download of the weights broke off.", "The next attempt goes on with what is there.",
                code="download_broken_off", retryable=True,
            )  # fmt: skip
        sleep(min(30.0, 2.0**failures))


def _fetch_rest(client: OpenAI, job_id: str, part: Path, on_progress: UploadProgress | None) -> str | None:
    """Append what is missing; the ending of the name once nothing is, else None."""
    import httpx2
    import openai

    have = _size(part)
    # Compressed transfer would make byte positions mean something else.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        answer = client.get(
            "/finetune/download", cast_to=httpx2.Response, stream=True,
            options={"params": {"ft_id": job_id, "checkpoint": "adapter"}, "headers": headers},
        )  # fmt: skip
    except openai.APIStatusError as error:
        if error.status_code != _NO_SUCH_RANGE:
            raise
        part.unlink(missing_ok=True)  # it was not what the service has now
        return None
    with closing(answer):
        total = _append(answer, part, have, on_progress)
    if total and _size(part) < total:
        return None
    kind = answer.headers.get("content-type", "").lower()
    return "tar.gz" if "x-tar" in kind else "tar.zst"


def _append(answer: httpx2.Response, part: Path, have: int, on_progress: UploadProgress | None) -> int:
    """Write an answer's bytes to their place; how many there are in all, 0 where that is not told."""
    told = _RANGE.fullmatch(answer.headers.get("content-range", ""))
    resumed = answer.status_code == _PARTIAL and told is not None and int(told[1]) == have
    if not resumed:
        have = 0
    length = answer.headers.get("content-length", "")
    total = int(told[2]) if resumed and told else int(length) if length.isdigit() else 0
    with part.open("ab" if resumed else "wb") as stream:
        for piece in answer.iter_bytes(_PIECE):
            stream.write(piece)
            have += len(piece)
            if on_progress is not None:
                on_progress(have, total)
    return total


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
