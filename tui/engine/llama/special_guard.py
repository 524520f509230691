"""Keeps text from messages from being read as the model's control tokens.

`<|im_end|>` typed by a user must reach the model as ordinary tokens, never as the end of a turn. Before a
template sees a message, the first character of each control token in it (also of one merely begun at the end
of a string, which the next string could complete) is exchanged for a mark nobody can guess. Whatever reads
as a control token in the rendered text is then the template's own; the marks are undone in the text between.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping
from typing import Any


class SpecialGuard:
    """Guards one conversation; all renderings made with the same guard agree with each other.

    Args:
        specials: The control tokens' texts.
    """

    def __init__(self, specials: Collection[str]) -> None:
        self._beginnings = _beginnings(specials)
        self._longest = max(map(len, specials), default=0)
        self._pattern = alternatives(specials)
        self._nonce = f"guard{secrets.token_hex(8)}x"
        self._mark = re.compile(self._nonce + r"([0-9a-f]+)z")

    def protect(self, value: Any) -> Any:
        """Return `value` with every string in it guarded, however deep, keys included."""
        if isinstance(value, str):
            return self._protect_text(value)
        if isinstance(value, Mapping):
            return {self.protect(key): self.protect(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.protect(item) for item in value]
        return value

    def restore(self, text: str) -> str:
        """Undo `protect` in rendered text."""
        return self._mark.sub(lambda match: chr(int(match.group(1), 16)), text)

    def _protect_text(self, text: str) -> str:
        if self._pattern is not None:
            text = self._pattern.sub(lambda match: self._marked(match.group()), text)
        for length in range(min(len(text), self._longest - 1), 0, -1):
            tail = text[-length:]
            if tail in self._beginnings:
                return text[:-length] + self._marked(tail)
        return text

    def _marked(self, special: str) -> str:
        return f"{self._nonce}{ord(special[0]):x}z{special[1:]}"


def _beginnings(specials: Collection[str]) -> frozenset[str]:
    return frozenset(special[:length] for special in specials for length in range(1, len(special)))


def alternatives(texts: Collection[str]) -> re.Pattern[str] | None:
    """Return a pattern that captures any of the texts, the longest first; None for none."""
    if not texts:
        return None
    return re.compile(
        "(" + "|".join(map(re.escape, sorted(texts, key=lambda text: (-len(text), text)))) + ")"
    )
