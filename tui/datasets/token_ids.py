"""Texts as the numbers a model reads, and those numbers as bytes again, for drawing a row token by token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tui.datasets.long_words import pieces_around_long_words, word_tokens
from tui.datasets.tokens import TextTokenizer
from tui.datasets.vocabulary import encoder
from tui.errors import TunedeckError


class TokenReader(Protocol):
    """A vocabulary that can be read in both directions."""

    @property
    def name(self) -> str:
        """Name of the vocabulary."""

    def encode(self, text: str) -> Sequence[int]:
        """Return the tokens of ordinary text."""

    def token_bytes(self, token: int) -> bytes:
        """Return a token's bytes, perhaps a part of a character."""


class Vocabulary(TextTokenizer, TokenReader, Protocol):
    """A vocabulary that counts and can be read in both directions."""


class TiktokenReader:
    """One of the shipped vocabularies, token by token.

    Args:
        encoding_name: "o200k_base" or "cl100k_base".

    Raises:
        TunedeckError: There is no such vocabulary, or this installation's is damaged.
    """

    def __init__(self, encoding_name: str) -> None:
        self.name = encoding_name
        self._encoding = encoder(encoding_name)

    def encode(self, text: str) -> Sequence[int]:
        """Return the tokens as tiktoken's `encode_ordinary` does, also of words of a million letters."""
        pieces = pieces_around_long_words(text, self.name)
        if pieces is None:
            return self._plain(text)
        ids: list[int] = []
        for piece in pieces:
            if piece.is_word:
                for some in word_tokens(self._encoding, piece.text):
                    ids += some
            else:
                ids += self._plain(piece.text)
        return ids

    def _plain(self, text: str) -> list[int]:
        try:
            return self._encoding.encode_ordinary(text)
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException as error:  # a Rust panic is no Exception, and must not end the program
            raise TunedeckError(f"A text of {len(text):,} characters can't be drawn: {error}") from error

    def token_bytes(self, token: int) -> bytes:
        """Return a token's bytes, perhaps a part of a character."""
        return self._encoding.decode_single_token_bytes(token)
