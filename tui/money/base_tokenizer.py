"""Counts text with a local base model's own tokenizer, once the engine has prepared that model."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tui import paths
from tui.money.catalog import base_of

MODEL_ENCODING = "model"
"""The catalog's word for "the base model's own tokenizer"."""


class _Encoding(Protocol):
    @property
    def ids(self) -> list[int]: ...


class _Tokenizer(Protocol):
    def encode(self, sequence: str, *, add_special_tokens: bool = ...) -> _Encoding: ...


class BaseModelTokenizer:
    """A `TextTokenizer` over the `tokenizer.json` of a prepared base model."""

    def __init__(self, name: str, tokenizer: _Tokenizer) -> None:
        self.name = name
        self._tokenizer = tokenizer

    def count(self, text: str) -> int:
        """Return how many tokens `text` is, without any special ones."""
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)


def tokenizer_file(model_id: str) -> Path:
    """Return where the tokenizer of a local base model lies once it is prepared."""
    return paths.base_models_dir() / Path(base_of(model_id)).name / "tokenizer.json"


def load_base_tokenizer(model_id: str) -> BaseModelTokenizer | None:
    """Return the tokenizer of a local base or tuned model, or None while the base model is not there."""
    path = tokenizer_file(model_id)
    if not path.is_file():
        return None
    from tokenizers import Tokenizer  # a compiled package, only for local models

    try:
        return BaseModelTokenizer(base_of(model_id), Tokenizer.from_file(str(path)))
    except Exception:  # the package raises bare Exception on a file it can't read
        return None
