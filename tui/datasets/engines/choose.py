"""Which engine counts: the fastest that is installed and counts as tiktoken does."""

from __future__ import annotations

import os
import threading

from tui.datasets.engines.protocol import TokenEngine
from tui.datasets.engines.tiktoken_engine import OneByOne, TiktokenEngine
from tui.datasets.tokens import TextTokenizer

ENGINE_VARIABLE = "TUNEDECK_TOKEN_ENGINE"
"""Set to "tiktoken" to count with the reference alone."""

_engines: dict[str, TokenEngine] = {}
_choosing = threading.Lock()


def engine_for(
    encoding: str, tokenizer: TextTokenizer | None = None, *, growth_bytes: int | None = None
) -> TokenEngine:
    """Return an engine for a vocabulary, built once per process (0.3 s).

    Args:
        encoding: Name of a shipped vocabulary.
        tokenizer: Counts instead, such as a local model's own.
        growth_bytes: What the process may grow by before a tokenizer is built anew; None takes the engine's.

    Raises:
        TunedeckError: There is no such vocabulary, or this installation is damaged.
    """
    if tokenizer is not None:
        return OneByOne(tokenizer)
    with _choosing:
        if encoding not in _engines:
            _engines[encoding] = _fast(encoding, growth_bytes) or TiktokenEngine(encoding)
        return _engines[encoding]


def _fast(encoding: str, growth_bytes: int | None) -> TokenEngine | None:
    if os.environ.get(ENGINE_VARIABLE) == "tiktoken":
        return None
    try:
        from tui.datasets.engines.gigatoken_engine import GROWTH_BYTES, GigatokenEngine

        return GigatokenEngine(encoding, growth_bytes=growth_bytes or GROWTH_BYTES)
    except (ImportError, OSError, ValueError, AttributeError, TypeError):
        return None  # no wheel here, no place for its file, or a release that counts or is called otherwise
