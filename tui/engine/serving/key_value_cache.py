"""What attention remembers of the tokens read so far, and the reuse of it between requests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tui.engine.llama.config import LlamaConfig

BLOCK = 256
"""Room grows in blocks of this many tokens."""

GROWTH = 1.5

PROMPT_CACHE_BYTES = 256 * 2**20
"""Memory for remembered prompts: about 5,800 tokens of a 135M model (46 KB a token)."""


class KeyValueCache:
    """Rotated keys and values of one token sequence, for every layer.

    Args:
        config: The model's shape.
        room: Tokens to make room for at first; more is made when needed.
    """

    def __init__(self, config: LlamaConfig, room: int = BLOCK) -> None:
        self._config = config
        self.ids: list[int] = []
        """The tokens whose keys and values are here."""
        room = -(-max(room, 1) // BLOCK) * BLOCK
        shape = (config.layers, config.kv_heads, room, config.head_dim)
        self.keys: NDArray[np.float32] = np.empty(shape, dtype=np.float32)
        """[layers, kv_heads, room, head_dim]; only the first `length` tokens mean anything."""
        self.values: NDArray[np.float32] = np.empty(shape, dtype=np.float32)

    @property
    def length(self) -> int:
        """Return the number of tokens remembered."""
        return len(self.ids)

    @property
    def nbytes(self) -> int:
        """Return the memory held, in bytes."""
        return self.keys.nbytes + self.values.nbytes

    def make_room(self, tokens: int) -> None:
        """See to it that `tokens` more tokens fit."""
        needed, room = self.length + tokens, self.keys.shape[2]
        if needed <= room:
            return
        grown = KeyValueCache(self._config, min(max(needed, int(room * GROWTH)), self._config.context_length))
        self._copy_into(grown, self.length)
        self.keys, self.values = grown.keys, grown.values

    def copy(self, tokens: int, room: int = 0) -> KeyValueCache:
        """Return an independent cache of the first `tokens` tokens."""
        twin = KeyValueCache(self._config, max(tokens, room))
        twin.ids = self.ids[:tokens]
        self._copy_into(twin, tokens)
        return twin

    def _copy_into(self, other: KeyValueCache, tokens: int) -> None:
        other.keys[:, :, :tokens] = self.keys[:, :, :tokens]
        other.values[:, :, :tokens] = self.values[:, :, :tokens]


class PromptCache:
    """Remembers recent sequences, so that the next turn of a chat reads only what is new.

    Not thread-safe: owned by the generation thread.

    Args:
        limit: Bytes of caches kept; the least recently used go first.
    """

    def __init__(self, limit: int = PROMPT_CACHE_BYTES) -> None:
        self._limit = limit
        self._entries: list[tuple[str, KeyValueCache]] = []

    @property
    def nbytes(self) -> int:
        """Return the memory held, in bytes."""
        return sum(cache.nbytes for _, cache in self._entries)

    def take(self, model_id: str, ids: Sequence[int]) -> KeyValueCache | None:
        """Return a cache, the caller's own, of the longest remembered beginning of `ids`.

        The last token is always left to read, since its logits are what the caller is after. An entry that
        is wholly such a beginning is handed over; of a longer one the beginning is copied.
        """
        best, shared = -1, 0
        for index, (owner, cache) in enumerate(self._entries):
            if owner == model_id and (common := common_prefix(cache.ids, ids[:-1])) > shared:
                best, shared = index, common
        if best < 0:
            return None
        entry = self._entries.pop(best)
        if shared == entry[1].length:
            return entry[1]
        self._entries.append(entry)
        return entry[1].copy(shared, len(ids))

    def store(self, model_id: str, cache: KeyValueCache) -> None:
        """Keep `cache` for later; the caller must not use it any more."""
        if not cache.length or cache.nbytes > self._limit:
            return
        self._entries = [
            (owner, kept)
            for owner, kept in self._entries
            if owner != model_id or common_prefix(kept.ids, cache.ids) < kept.length
        ]
        self._entries.append((model_id, cache))
        while self.nbytes > self._limit:
            del self._entries[0]

    def forget(self, model_id: str) -> None:
        """Drop everything remembered for a model."""
        self._entries = [entry for entry in self._entries if entry[0] != model_id]


def common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """Return how many tokens two sequences share from the start."""
    length = min(len(left), len(right))
    differing = np.nonzero(np.asarray(left[:length]) != np.asarray(right[:length]))[0]
    return int(differing[0]) if len(differing) else length
