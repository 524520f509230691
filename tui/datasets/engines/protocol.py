"""What the scan asks of whoever counts tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class TokenEngine(Protocol):
    """Counts texts with one vocabulary; every count is tiktoken's `encode_ordinary`.

    Text that spells a special token is ordinary text, and half of a surrogate pair counts as U+FFFD.
    """

    @property
    def name(self) -> str:
        """Name of the vocabulary."""

    def count(self, text: str) -> int:
        """Return the tokens of one text."""

    def counts(self, texts: Sequence[str]) -> list[int]:
        """Return the tokens of each text."""
