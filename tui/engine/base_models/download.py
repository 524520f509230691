"""One large file over HTTP: resumed where it broke off, and believed only when its hash is right."""

from __future__ import annotations

import hashlib
import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import httpx2

from tui.errors import TunedeckError

Progress = Callable[[int, int], None]
_PIECE = 1024 * 1024
_TRIES = 6
"""Attempts in a row that bring no new byte before it is given up."""
_TIMEOUT = httpx2.Timeout(60.0, connect=20.0)
_REMEDY = "Check the network, then run `tunedeck engine fetch`: it goes on where it stopped."


def sha256_of(path: Path) -> str:
    """Return the hexadecimal hash of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def download(url: str, target: Path, sha256: str, on_progress: Progress, *, wait: float = 1.0) -> None:
    """Fetch `url` into `target`, by way of `target`.part which a later call resumes.

    Args:
        url: Where it is.
        target: Appears only when complete and right.
        sha256: Its hexadecimal hash.
        on_progress: Told bytes done and in all.
        wait: Seconds before the first repetition; doubled each time.

    Raises:
        TunedeckError: The server or the network failed for good, or the bytes are wrong.
    """
    part = target.with_name(f"{target.name}.part")
    for fresh_start in (False, True):
        if fresh_start:
            part.unlink(missing_ok=True)  # what was resumed had been damaged: once more from the beginning
        _fetch_all(url, part, on_progress, wait)
        if sha256_of(part) == sha256:
            os.replace(part, target)
            return
    part.unlink(missing_ok=True)
    raise TunedeckError(
        f"The downloaded file {target.name} is not the expected one: its sha256 differs.",
        "Something between here and the package index changes it; try another network or index.",
    )


def _fetch_all(url: str, part: Path, on_progress: Progress, wait: float) -> None:
    """Repeat until the server has sent everything; a try that brought something resets the count."""
    failures, reason = 0, ""
    with httpx2.Client(
        follow_redirects=True,
        timeout=_TIMEOUT,
        verify=_certificates(),
        proxy=os.environ.get("PIP_PROXY") or None,
    ) as client:
        while failures < _TRIES:
            before = _size(part)
            try:
                if _fetch_rest(client, url, part, on_progress):
                    return
                reason = "the connection closed early"
            except httpx2.HTTPStatusError as error:
                reason = f"the server answered {error.response.status_code}"
                if error.response.status_code < 500 and error.response.status_code not in (408, 429):
                    break
            except httpx2.TransportError as error:
                reason = str(error) or type(error).__name__
            failures = 0 if _size(part) > before else failures + 1
            time.sleep(min(30.0, wait * 2**failures))
    raise TunedeckError(f"{part.stem} could not be downloaded: {reason}.", _REMEDY)


def _fetch_rest(client: httpx2.Client, url: str, part: Path, on_progress: Progress) -> bool:
    """Ask for what is missing and append it; True when nothing is missing any more."""
    have = _size(part)
    # Compressed transfer would make byte positions mean something else.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with client.stream("GET", url, headers=headers) as answer:
        if answer.status_code == 416:
            part.unlink(missing_ok=True)
            return False
        answer.raise_for_status()
        resumed = answer.status_code == 206 and answer.headers.get("content-range", "").startswith(
            f"bytes {have}-"
        )
        if not resumed:
            have = 0
        length = answer.headers.get("content-length", "")
        total = have + int(length) if length.isdigit() else 0
        with part.open("ab" if resumed else "wb") as stream:
            for piece in answer.iter_bytes(_PIECE):
                stream.write(piece)
                have += len(piece)
                on_progress(have, total)
    return not total or have >= total


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _certificates() -> ssl.SSLContext | bool:
    """Return the certificates that pip was told to use; True for the system's, or those of SSL_CERT_FILE."""
    for name in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        place = os.environ.get(name)
        if place and Path(place).exists():
            folder = Path(place).is_dir()
            return ssl.create_default_context(
                capath=place if folder else None, cafile=None if folder else place
            )
    return True
