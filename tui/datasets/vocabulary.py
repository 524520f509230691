"""OpenAI's two text vocabularies, shipped with the package so that counting never needs a network.

The files hold tiktoken's rank tables (MIT, github.com/openai/tiktoken) in a third of their size:
`docs/scripts/build_vocabularies.py` makes them. What is unpacked is turned back into the rank file and its
SHA-256 compared with the one tiktoken 0.14.0 itself demands (tiktoken_ext/openai_public.py, read
2026-11-21), so a count can't be wrong because a file was damaged.
"""

from __future__ import annotations

import base64
import hashlib
import lzma
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from tui.errors import TunedeckError

if TYPE_CHECKING:
    import tiktoken


@dataclass(frozen=True, slots=True)
class Specification:
    """What tiktoken needs beside the ranks, as its own table of encodings states it."""

    rank_file_sha256: str
    pattern: str
    special_tokens: dict[str, int]


_CL100K_PATTERN = (
    r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"""
    r"""|\s++$|\s*[\r\n]|\s+(?!\S)|\s"""
)
_O200K_CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_O200K_PATTERN = "|".join(
    [
        rf"[^\r\n\p{{L}}\p{{N}}]?[\p{{Lu}}\p{{Lt}}\p{{Lm}}\p{{Lo}}\p{{M}}]*"
        rf"[\p{{Ll}}\p{{Lm}}\p{{Lo}}\p{{M}}]+{_O200K_CONTRACTION}",
        rf"[^\r\n\p{{L}}\p{{N}}]?[\p{{Lu}}\p{{Lt}}\p{{Lm}}\p{{Lo}}\p{{M}}]+"
        rf"[\p{{Ll}}\p{{Lm}}\p{{Lo}}\p{{M}}]*{_O200K_CONTRACTION}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)

SPECIFICATIONS: dict[str, Specification] = {
    "o200k_base": Specification(
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        _O200K_PATTERN,
        {"<|endoftext|>": 199999, "<|endofprompt|>": 200018},
    ),
    "cl100k_base": Specification(
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        _CL100K_PATTERN,
        {
            "<|endoftext|>": 100257,
            "<|fim_prefix|>": 100258,
            "<|fim_middle|>": 100259,
            "<|fim_suffix|>": 100260,
            "<|endofprompt|>": 100276,
        },
    ),
}
"""Encoding name -> its specification (tiktoken 0.14.0)."""


def pack_tokens(tokens: Iterable[bytes]) -> bytes:
    """Return the tokens in rank order, each after one byte with its length."""
    return b"".join(bytes((len(token),)) + token for token in tokens)


def unpack_tokens(packed: bytes) -> list[bytes]:
    """Return the tokens in rank order; the inverse of `pack_tokens`."""
    tokens: list[bytes] = []
    position = 0
    while position < len(packed):
        end = position + 1 + packed[position]
        tokens.append(packed[position + 1 : end])
        position = end
    return tokens


def rank_file(tokens: Iterable[bytes]) -> bytes:
    """Return the rank file as tiktoken downloads it: one line of base64 token and rank each."""
    encode = base64.b64encode
    return b"".join(b"%s %d\n" % (encode(token), rank) for rank, token in enumerate(tokens))


def load_ranks(name: str) -> dict[bytes, int]:
    """Return token -> rank of a shipped vocabulary.

    Raises:
        TunedeckError: The name is unknown, or the file of this installation is missing or damaged.
    """
    if name not in SPECIFICATIONS:
        known = " and ".join(SPECIFICATIONS)
        raise TunedeckError(f'There is no vocabulary called "{name}".', f"Shipped are {known}.")
    try:
        compressed = resources.files("tui.data").joinpath("vocabularies", f"{name}.xz").read_bytes()
        tokens = unpack_tokens(lzma.decompress(compressed))
    except (OSError, lzma.LZMAError, IndexError) as error:
        raise TunedeckError(
            f"The vocabulary {name} can't be read: {error}", "Install tunedeck again."
        ) from error
    if hashlib.sha256(rank_file(tokens)).hexdigest() != SPECIFICATIONS[name].rank_file_sha256:
        raise TunedeckError(
            f"The vocabulary {name} is damaged: its hash is wrong.", "Install tunedeck again."
        )
    return {token: rank for rank, token in enumerate(tokens)}


def forget_encoder(name: str) -> None:
    """Let go of an encoding (60 MB) that is needed no longer; `encoder` builds it anew."""
    with _loading:
        _encoders.pop(name, None)


_encoders: dict[str, tiktoken.Encoding] = {}
_loading = threading.Lock()


def encoder(name: str) -> tiktoken.Encoding:
    """Return tiktoken's encoding from the shipped vocabulary, built once per process (0.3 s) without network.

    Raises:
        TunedeckError: As `load_ranks`.
    """
    with _loading:
        if name not in _encoders:
            import tiktoken  # costs 60 ms, which only those who count should pay

            ranks = load_ranks(name)
            specification = SPECIFICATIONS[name]
            _encoders[name] = tiktoken.Encoding(
                name,
                pat_str=specification.pattern,
                mergeable_ranks=ranks,
                special_tokens=dict(specification.special_tokens),
            )
        return _encoders[name]
