"""Which vocabulary a model reads, and exact counts of text without a network.

Content is counted exactly as tiktoken 0.14 does (`encode_ordinary`; text that spells a special token counts
as the plain text it is). What stands around content is arithmetic, stated in `tui.datasets.row_tokens`.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from tui.datasets.long_words import pieces_around_long_words, word_tokens
from tui.datasets.vocabulary import encoder
from tui.errors import TunedeckError

__all__ = [
    "ENCODING_OF_PREFIX",
    "TextTokenizer",
    "TiktokenCounter",
    "encoder",
    "encoding_for",
    "training_limit",
]

ENCODING_OF_PREFIX = (
    ("gpt-3.5", "cl100k_base"),
    ("gpt-35", "cl100k_base"),
    ("gpt-4o", "o200k_base"),
    ("gpt-4.", "o200k_base"),
    ("gpt-4", "cl100k_base"),
    ("davinci-002", "cl100k_base"),
    ("babbage-002", "cl100k_base"),
    ("text-embedding-", "cl100k_base"),
)
"""First match wins (tiktoken 0.14.0's table without its slips on `ft:` names; read 2026-11-21)."""

_TRAINING_LIMIT_OF_PREFIX = (
    ("gpt-4.1", 65_536),
    ("gpt-4o", 65_536),
    ("gpt-3.5-turbo-0613", 4_096),
    ("gpt-3.5-turbo", 16_385),
)
"""Most tokens of one training example (OpenAI fine-tuning best practices, captured 2026-06-27)."""


def _base_name(model: str) -> str:
    name = model.strip().lower()
    return name.removeprefix("ft:").split(":", 1)[0]


def encoding_for(model: str) -> str:
    """Return "o200k_base" or "cl100k_base" for a model or the `ft:` name of a tuned one.

    Every model since gpt-4o reads o200k_base, so a name not known here gets that too.
    """
    name = _base_name(model)
    return next(
        (encoding for prefix, encoding in ENCODING_OF_PREFIX if name.startswith(prefix)), "o200k_base"
    )


def training_limit(model: str) -> int | None:
    """Return the most tokens of one training example of a model, or None where no limit is published."""
    name = _base_name(model)
    return next((limit for prefix, limit in _TRAINING_LIMIT_OF_PREFIX if name.startswith(prefix)), None)


class TextTokenizer(Protocol):
    """Whatever can say how many tokens a text is."""

    @property
    def name(self) -> str:
        """Name of the vocabulary."""

    def count(self, text: str) -> int:
        """Return the tokens of `text`, of any length and content."""


@runtime_checkable
class Travelling(Protocol):
    """A tokenizer that another process can open anew."""

    @property
    def origin(self) -> tuple[str, list[str]]:
        """Its kind, a key of `tui.datasets.open_tokenizer.OPENERS`, and what that opener needs."""


class TiktokenCounter:
    """Counts with one of the shipped vocabularies.

    Long words are counted apart, and the sum stays exact: they would take more than linear time, and tiktoken
    0.14 dies (a Rust panic) on runs of some 700,000 spaces, which its pattern matches by backtracking.
    """

    def __init__(self, encoding_name: str) -> None:
        self.name = encoding_name
        self._encoding = encoder(encoding_name)

    def count(self, text: str) -> int:
        """Return the tokens of `text`, exactly as `tiktoken.Encoding.encode_ordinary` counts them."""
        pieces = pieces_around_long_words(text, self.name)
        if pieces is None:
            return self._count_plain(text)
        return sum(
            sum(map(len, word_tokens(self._encoding, piece.text)))
            if piece.is_word
            else self._count_plain(piece.text)
            for piece in pieces
        )

    def _count_plain(self, text: str) -> int:
        try:
            return len(self._encoding.encode_ordinary(text))
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException as error:  # a Rust panic is no Exception, and must not end the program
            raise TunedeckError(f"A text of {len(text):,} characters can't be counted: {error}") from error
