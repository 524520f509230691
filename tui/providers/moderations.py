"""Asks a service's moderation about texts or one image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tui.providers.paging import read_json
from tui.providers.protocol import ProviderError
from tui.providers.rate_limits import pause_before_next
from tui.records.moderation import ModerationReply

if TYPE_CHECKING:
    from openai import OpenAI

_SECONDS = 60.0
_UNNAMED = "flagged"
"""Stands for the category of an input that is flagged without one."""


def ask_moderation(client: OpenAI, model: str, texts: Sequence[str], image: str | None) -> ModerationReply:
    """Send one request, once: whoever asks paces and repeats by himself.

    Args:
        client: Of the account.
        model: That judges.
        texts: What it is to judge; empty when there is an image.
        image: Its address.

    Raises:
        ProviderError: The answer is not one for each input.
    """
    asked: Any = list(texts) if image is None else [{"type": "image_url", "image_url": {"url": image}}]
    once = client.with_options(max_retries=0, timeout=_SECONDS)
    response = once.moderations.with_raw_response.create(model=model, input=asked)
    results = read_json(response).get("results")
    expected = len(texts) if image is None else 1
    if not isinstance(results, list) or len(results) != expected:
        raise ProviderError(
            f"The service's moderation did not answer for each of {expected} inputs.", "Try again later."
        )
    return ModerationReply(
        tuple(_flagged_in(result) for result in results), pause_before_next(response.headers)
    )


def _flagged_in(result: object) -> tuple[str, ...]:
    if not isinstance(result, Mapping):
        return ()
    categories = result.get("categories")
    named = categories.items() if isinstance(categories, Mapping) else ()
    found = tuple(sorted(str(name) for name, value in named if value is True))
    return found or ((_UNNAMED,) if result.get("flagged") is True else ())
