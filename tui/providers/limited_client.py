"""The HTTP client of an account: limits are read from its answers, background requests wait their turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2

    from tui.providers.account_limits import RateLimits

_ANSWER_SECONDS, _CONNECT_SECONDS = 600.0, 10.0


def limited_client(limits: RateLimits) -> httpx2.Client:
    """Return a client like openai's own that tells `limits` of every answer, streams included."""
    import openai  # 0.4 s, loaded by the caller already

    def take_turn(_request: httpx2.Request) -> None:
        limits.take_turn()

    def note(response: httpx2.Response) -> None:
        limits.note(response.headers, was_refused=response.is_error)

    return openai.DefaultHttpxClient(
        timeout=openai.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
        event_hooks={"request": [take_turn], "response": [note]},
    )
