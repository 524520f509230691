"""Reads lists page by page by hand: the client's own paging never ends on a server that ignores `after`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tui.providers.protocol import ProviderError
from tui.providers.remedies import WEB_PAGE
from tui.providers.web_page import web_page_title

_MOST_PAGES = 2000
UNNAMED = "The service"
"""Begins a sentence about an answer here, where nobody knows whose it is."""


def read_json(response: Any) -> Mapping[str, Any]:
    """Return the JSON object of a raw response.

    Raises:
        ProviderError: The body is not a JSON object (a proxy's page, another service).
    """
    return read_body(response.http_response)


def read_body(response: Any) -> Mapping[str, Any]:
    """Return the JSON object of an HTTP response.

    Raises:
        ProviderError: The body is not a JSON object.
    """
    content = response.read()
    try:
        value = json.loads(content)
    except (ValueError, UnicodeDecodeError, RecursionError):
        value = None
    if not isinstance(value, Mapping):
        page = web_page_title(content)
        found = "something" if page is None else f"a web page{page},"
        raise ProviderError(
            f"{UNNAMED} answered with {found} that is not a JSON object.",
            WEB_PAGE.text if page is not None else "Check the base URL; it usually ends in /v1.",
            status=response.status_code,
        )
    return value


def all_pages(
    fetch: Callable[..., Mapping[str, Any]],
    *,
    page_size: int = 100,
    until_id: str | None = None,
    limit: int | None = None,
    paged: bool = True,
) -> list[Mapping[str, Any]]:
    """Return the entries of a list in the service's order.

    Ends at an empty page, at an entry seen before (a server that ignores `after`), when the server says that
    there is no more, at `until_id`, or at `limit`; never by trust in `has_more` alone.

    Args:
        fetch: Called with `limit` and, after the first page, `after`.
        page_size: Entries asked for at once.
        until_id: Id of an entry known already; it and what follows are left out.
        limit: Most entries.
        paged: False asks once, for lists without pages.
    """
    found: list[Mapping[str, Any]] = []
    seen: set[str] = set()
    after: dict[str, str] = {}
    for _ in range(_MOST_PAGES):
        page = fetch(limit=page_size, **after)
        entries = [entry for entry in page.get("data") or [] if isinstance(entry, Mapping)]
        for entry in entries:
            entry_id = entry.get("id")
            if until_id is not None and entry_id == until_id:
                return found
            if isinstance(entry_id, str):
                if entry_id in seen:
                    return found
                seen.add(entry_id)
            found.append(entry)
            if limit is not None and len(found) >= limit:
                return found
        last_id = entries[-1].get("id") if entries else None
        has_more = page.get("has_more")
        ended = has_more is False or (has_more is None and len(entries) < page_size)
        if not paged or ended or not isinstance(last_id, str):
            return found
        after = {"after": last_id}
    return found
