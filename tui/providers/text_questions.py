"""What a service of OpenAI's shape says of texts: how likely they are, and where they lie as vectors."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from tui.providers.text_scores import score_given_tokens
from tui.records.evaluations import TextScore

if TYPE_CHECKING:
    from openai import OpenAI


class AsksOfTexts:
    """The part of a provider that asks about given texts."""

    def _calling(self, *, retry: bool = True) -> AbstractContextManager[OpenAI]:
        raise NotImplementedError

    def _explaining(
        self, *, model: str | None = None, route: bool = False, job: bool = False, models: bool = False
    ) -> AbstractContextManager[None]:
        raise NotImplementedError

    def score_tokens(self, model: str, tokens: Sequence[int], learned: Sequence[bool]) -> TextScore:
        """Return how likely a model holds the tokens that `learned` marks, each after all before it."""
        with self._explaining(model=model), self._calling() as client:
            return score_given_tokens(client, model, tokens, learned)

    def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return a vector for each text."""
        from tui.providers.embeddings import ask_embeddings  # only a search for nearest rows asks

        with self._explaining(model=model), self._calling() as client:
            return ask_embeddings(client, model, texts)
