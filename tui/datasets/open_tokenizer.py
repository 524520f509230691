"""Opens a model's own tokenizer anew in another process, by what it said of its origin."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from tui.datasets.tokens import TextTokenizer

OPENERS = {
    "file": ("tui.datasets.file_tokenizer", "open_file_tokenizer"),
    "layout": ("tui.engine.llama.row_layout", "open_layout"),
}
"""Kind of a tokenizer -> module and function that opens it."""


def open_tokenizer(kind: str, needed: Sequence[str]) -> TextTokenizer:
    """Return the tokenizer of which `origin` was (kind, needed).

    Raises:
        TunedeckError: Its files are gone.
    """
    module, name = OPENERS[kind]
    tokenizer: TextTokenizer = getattr(importlib.import_module(module), name)(*needed)
    return tokenizer
