"""Puts and gets bytes at addresses that a service has signed: without its key, which must not go there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from tui.providers.failures import LOST_ANSWER, NOT_REACHED
from tui.providers.progress_file import ProgressFile
from tui.providers.protocol import ProviderError, UploadProgress

if TYPE_CHECKING:
    import httpx2

REDIRECTS = (301, 302, 303, 307, 308)
_SERVER_ERROR = 500
_MOST_HOPS, _TRIES = 5, 3
_PIECE = 1024 * 1024


def put_file(
    service: str, base_url: str, address: str, path: Path, on_progress: UploadProgress | None,
    sleep: Callable[[float], None] = time.sleep, headers: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Put a file's bytes; repeated when the storage fails, for that changes nothing.

    Args:
        service: Who named the address, for sentences.
        base_url: Of the service; one with encryption may name no address without.
        address: Where the bytes go.
        path: The file.
        on_progress: Told (bytes sent, bytes in all); a repetition starts over.
        sleep: Waits between attempts.
        headers: What the address was signed for, beside the length.

    Raises:
        ProviderError: The storage refuses, or can't be reached.
    """
    import httpx2

    with httpx2.Client(timeout=httpx2.Timeout(60.0, write=600.0), follow_redirects=False) as client:
        for attempt in range(1, _TRIES + 1):
            try:
                answer = _put_once(client, service, base_url, address, path, on_progress, headers or {})
            except httpx2.TransportError as error:
                if attempt == _TRIES:
                    raise _broken(service, error) from None
            else:
                if answer.is_success:
                    return
                if answer.status_code < _SERVER_ERROR or attempt == _TRIES:
                    raise ProviderError(
                        f"{service}'s storage refused the file with {answer.status_code}.", "Try again.",
                        status=answer.status_code, retryable=answer.status_code >= _SERVER_ERROR,
                    )  # fmt: skip
            sleep(2.0**attempt)


def get_content(service: str, address: str) -> bytes | None:
    """Return the bytes at an address; None when it has expired or holds nothing.

    Raises:
        ProviderError: The storage fails or can't be reached; it may succeed later.
    """
    import httpx2

    try:
        answer = httpx2.get(address, follow_redirects=True, timeout=60.0)
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        raise _broken(service, error) from None
    if answer.status_code >= _SERVER_ERROR:
        raise ProviderError(
            f"{service}'s storage answered {answer.status_code}.", "Try again.",
            status=answer.status_code, retryable=True,
        )  # fmt: skip
    return answer.content if answer.is_success else None


def _put_once(
    client: httpx2.Client, service: str, base_url: str, address: str, path: Path,
    on_progress: UploadProgress | None, headers: Mapping[str, str],
) -> httpx2.Response:  # fmt: skip
    for _ in range(_MOST_HOPS):
        if urlsplit(address).scheme != "https" and urlsplit(base_url).scheme == "https":
            raise ProviderError(f"{service} named an address without encryption; nothing was sent.", "")
        with ProgressFile(path, on_progress) as stream:
            sent = {"Content-Length": str(stream.total), **headers}
            answer = client.put(address, content=_pieces(stream), headers=sent)
        if answer.status_code not in REDIRECTS or "location" not in answer.headers:
            return answer
        address = urljoin(address, answer.headers["location"])
    return answer


def _pieces(stream: ProgressFile) -> Iterator[bytes]:
    while piece := stream.read(_PIECE):
        yield piece


def _broken(service: str, error: Exception) -> ProviderError:
    import httpx2

    if isinstance(error, httpx2.TransportError) and not isinstance(error, httpx2.ConnectError):
        return ProviderError(
            f"The connection to {service}'s storage broke off.",
            "Try again.",
            code=LOST_ANSWER,
            retryable=True,
        )
    return ProviderError(
        f"The storage that {service} named can't be reached.", "Check the network.", code=NOT_REACHED,
        retryable=True,
    )  # fmt: skip
