"""Keeps a model inside JSON or a schema: which tokens may come next, decided by their bytes."""

from __future__ import annotations

from collections.abc import Sequence, Set
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tui.engine.serving.schema_machine import ANY_OBJECT, Shape, advance, advance_all

CHECKED_AT_ONCE = 64
"""How many of the likeliest tokens are checked in full before one is drawn."""

NOTHING = -np.inf


class TokenBytes:
    """What every token of a vocabulary writes, prepared for constraint checks.

    Args:
        token_bytes: The bytes of each token in order of id; empty for tokens that write nothing.
        special: Ids that stand for a mark of the chat format, never for text.
    """

    def __init__(self, token_bytes: Sequence[bytes], special: Set[int]) -> None:
        self.token_bytes = [b"" if token in special else text for token, text in enumerate(token_bytes)]
        self.first_bytes: NDArray[np.int16] = np.array(
            [text[0] if text else 256 for text in self.token_bytes], dtype=np.int16
        )
        """The first byte of each token, 256 for tokens without text."""


class JsonConstraint:
    """Allows exactly the tokens that can still become an answer of a shape.

    Args:
        tokens: The vocabulary.
        shape: What the answer is held to.
    """

    def __init__(self, tokens: TokenBytes, shape: Shape = ANY_OBJECT) -> None:
        self._tokens = tokens
        self._state = shape

    @property
    def complete(self) -> bool:
        """Whether the object is closed, so that the answer is at its end."""
        return not self._state

    def mask(self, logits: NDArray[np.float32]) -> None:
        """Rule out, in place, tokens that cannot come next: all by first byte, the likeliest by all bytes."""
        allowed = _allowed_first_bytes(self._state)
        logits[: len(self._tokens.first_bytes)][~allowed[self._tokens.first_bytes]] = NOTHING
        logits[len(self._tokens.first_bytes) :] = NOTHING
        count = min(CHECKED_AT_ONCE, len(logits) - 1)
        for token in np.argpartition(logits, -count)[-count:]:
            if not self.permits(int(token)):
                logits[token] = NOTHING

    def permits(self, token: int) -> bool:
        """Return whether all bytes of `token` can come next."""
        return self._after(token) is not None

    def accept(self, token: int) -> None:
        """Go on behind `token`.

        Raises:
            ValueError: The token was not permitted.
        """
        state = self._after(token)
        if state is None:
            raise ValueError(f"Token {token} breaks the answer's form")
        self._state = state

    def _after(self, token: int) -> Shape | None:
        text = self._tokens.token_bytes[token] if token < len(self._tokens.token_bytes) else b""
        return advance_all(self._state, text) if text else None


@lru_cache(maxsize=1024)
def _allowed_first_bytes(state: Shape) -> NDArray[np.bool_]:
    """Return for each byte, and for 256 (no text), whether it may follow `state`."""
    allowed = np.zeros(257, dtype=np.bool_)
    allowed[:256] = [advance(state, byte) is not None for byte in range(256)]
    allowed.flags.writeable = False
    return allowed
