"""A service's own REST through the client of the account: its key, limits, timeouts and errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tui.providers.paging import read_body

if TYPE_CHECKING:
    import httpx2
    from openai import OpenAI


def get(client: OpenAI, path: str, **query: Any) -> httpx2.Response:
    """Ask for something, repeated by the client when the network or the service fails; None is not sent."""
    import httpx2  # 0.1 s, loaded with the client already

    chosen = {name: value for name, value in query.items() if value is not None}
    return client.get(path, cast_to=httpx2.Response, options={"params": chosen})


def get_json(client: OpenAI, path: str, **query: Any) -> Mapping[str, Any]:
    """Ask for a JSON object.

    Raises:
        ProviderError: The answer is none.
    """
    return read_body(get(client, path, **query))


def get_list(client: OpenAI, path: str, key: str = "data", **query: Any) -> list[Mapping[str, Any]]:
    """Ask for a list, bare or under a key of an object; what is no object in it is left out."""
    response = get(client, path, **query)
    try:
        value = json.loads(response.content)
    except (ValueError, RecursionError):
        value = None
    entries = value if isinstance(value, list) else read_body(response).get(key)
    return [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []


def post_json(client: OpenAI, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """Send something once: a lost answer may hide that it was done."""
    import httpx2

    once = client.with_options(max_retries=0)
    return read_body(once.post(path, cast_to=httpx2.Response, body=body))


def put_json(client: OpenAI, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put something under a name once: a lost answer may hide that it was done."""
    import httpx2

    once = client.with_options(max_retries=0)
    return read_body(once.put(path, cast_to=httpx2.Response, body=body))


def delete(client: OpenAI, path: str) -> None:
    """Delete something; an answer without a body is one too."""
    import httpx2

    client.with_options(max_retries=0).delete(path, cast_to=httpx2.Response)
