"""Asks a service for embeddings: vectors that lie near each other where texts mean much the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tui.providers.paging import read_json
from tui.providers.protocol import ProviderError

if TYPE_CHECKING:
    from openai import OpenAI

MOST_AT_ONCE = 256
"""Texts of one request; OpenAI takes 2,048 and 300,000 tokens (API reference, read 2026-09), others less."""


def ask_embeddings(client: OpenAI, model: str, texts: Sequence[str]) -> list[list[float]]:
    """Return a vector for each text, in their order.

    Args:
        client: Of the account.
        model: That embeds.
        texts: None of them empty; at most `MOST_AT_ONCE`.

    Raises:
        ProviderError: The answer is not one vector of numbers for each text, all of one length.
    """
    response = client.embeddings.with_raw_response.create(
        model=model, input=list(texts), encoding_format="float"
    )
    data = read_json(response).get("data")
    found: dict[int, list[float]] = {}
    for place, entry in enumerate(data if isinstance(data, list) else ()):
        if not isinstance(entry, dict):
            continue
        index = entry.get("index")
        vector = _vector(entry.get("embedding"))
        if vector:
            found[index if isinstance(index, int) else place] = vector
    vectors = [found[place] for place in range(len(texts)) if place in found]
    if len(vectors) != len(texts) or len({len(one) for one in vectors}) > 1:
        raise ProviderError(
            f"The service did not give a vector for each of {len(texts):,} texts.",
            "Name a model that embeds, or look for the nearest by words.",
        )
    return vectors


def _vector(value: Any) -> list[float]:
    if not isinstance(value, list) or not all(isinstance(one, int | float) for one in value):
        return []
    return [float(one) for one in value]
