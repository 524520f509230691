"""Counts text with a local base model's own tokenizer, once the engine has prepared that model."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tui import paths
from tui.datasets.byte_level import piece_bytes
from tui.money.catalog import base_of

MODEL_ENCODING = "model"
"""The catalog's word for "the base model's own tokenizer"."""


class _Encoding(Protocol):
    @property
    def ids(self) -> list[int]: ...


class _Tokenizer(Protocol):
    def encode(self, sequence: str, *, add_special_tokens: bool = ...) -> _Encoding: ...

    def id_to_token(self, id: int) -> str | None: ...  # noqa: A002 - the package's own name

    def to_str(self) -> str: ...


class BaseModelTokenizer:
    """A `TextTokenizer` and `TokenReader` over the `tokenizer.json` of a prepared base model."""

    def __init__(self, name: str, tokenizer: _Tokenizer) -> None:
        self.name = name
        self._tokenizer = tokenizer
        self._byte_level: bool | None = None

    def count(self, text: str) -> int:
        """Return how many tokens `text` is, without any special ones."""
        return len(self.encode(text))

    def encode(self, text: str) -> list[int]:
        """Return the tokens of `text`, without any special ones."""
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def token_bytes(self, token: int) -> bytes:
        """Return a token's bytes, perhaps a part of a character."""
        if self._byte_level is None:
            import json

            self._byte_level = "ByteLevel" in json.dumps(json.loads(self._tokenizer.to_str())["decoder"])
        return piece_bytes(self._tokenizer.id_to_token(token) or "", byte_level=self._byte_level)


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
