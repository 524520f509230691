"""The bytes that the pieces of a `tokenizer.json` vocabulary stand for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache


@lru_cache(maxsize=1)
def byte_letters() -> Mapping[str, int]:
    """Return the byte each letter of a byte-level vocabulary stands for (GPT-2's table, 2019).

    Printable Latin-1 stands for itself; the other bytes are numbered upwards from U+0100.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {chr(byte): byte for byte in printable}
    others = (byte for byte in range(256) if byte not in printable)
    return letters | {chr(0x100 + index): byte for index, byte in enumerate(others)}


def piece_bytes(piece: str, *, byte_level: bool) -> bytes:
    """Return a piece's bytes, perhaps a part of a character.

    Args:
        piece: As the vocabulary writes it.
        byte_level: GPT-2's letters for bytes; else sentencepiece's `<0xE2>` and its mark for a space.
    """
    return _byte_level_bytes(piece) if byte_level else _sentence_piece_bytes(piece)


def _byte_level_bytes(piece: str) -> bytes:
    letters = byte_letters()
    if any(letter not in letters for letter in piece):
        return piece.encode()  # an added word, stored as plain text
    return bytes(letters[letter] for letter in piece)


def _sentence_piece_bytes(piece: str) -> bytes:
    if len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">"):
        return bytes([int(piece[3:5], 16)])
    return piece.replace("\u2581", " ").encode()
