"""A model's own tokenizer, read from its `tokenizer.json`; another process can be told where it lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol, Self

from tui.datasets.byte_level import piece_bytes
from tui.errors import TunedeckError


class _Encoding(Protocol):
    @property
    def ids(self) -> list[int]: ...


class _Tokenizer(Protocol):
    def encode(self, sequence: str, *, add_special_tokens: bool = ...) -> _Encoding: ...

    def id_to_token(self, id: int) -> str | None: ...  # noqa: A002 - the package's own name

    def to_str(self) -> str: ...


def open_file_tokenizer(name: str, path: str) -> FileTokenizer:
    """Open a tokenizer by its origin.

    Raises:
        TunedeckError: It can't be read.
    """
    tokenizer = FileTokenizer.read(name, Path(path))
    if tokenizer is None:
        raise TunedeckError(f"The tokenizer of {name} can't be read any more.", "Prepare the model again.")
    return tokenizer


class FileTokenizer:
    """A `TextTokenizer` and `TokenReader` over a `tokenizer.json`."""

    def __init__(self, name: str, tokenizer: _Tokenizer, path: Path) -> None:
        self.name = name
        self.path = path
        self._tokenizer = tokenizer
        self._byte_level: bool | None = None

    @classmethod
    def read(cls, name: str, path: Path) -> Self | None:
        """Return the tokenizer of a file, or None where there is none that can be read."""
        if not path.is_file():
            return None
        from tokenizers import Tokenizer  # a compiled package, only for local models

        try:
            return cls(name, Tokenizer.from_file(str(path)), path)
        except Exception:  # the package raises bare Exception on a file it can't read
            return None

    @property
    def origin(self) -> tuple[str, list[str]]:
        """How another process opens it (`tui.datasets.tokens.Travelling`)."""
        return "file", [self.name, str(self.path)]

    def count(self, text: str) -> int:
        """Return how many tokens `text` is, without any special ones."""
        return len(self.encode(text))

    def encode(self, text: str) -> list[int]:
        """Return the tokens of `text`, without any special ones."""
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def token_bytes(self, token: int) -> bytes:
        """Return a token's bytes, perhaps a part of a character."""
        if self._byte_level is None:
            self._byte_level = "ByteLevel" in json.dumps(json.loads(self._tokenizer.to_str())["decoder"])
        return piece_bytes(self._tokenizer.id_to_token(token) or "", byte_level=self._byte_level)
