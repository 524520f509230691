"""Words of many thousand letters, counted in time that grows with their length alone.

Byte pair merging of one word takes n log n steps, on a heap that leaves the processor's cache: ten times the
letters take twenty times as long. So a long word is encoded window by window, and the seams are exact: two
encodings are one where the pair of tokens at the seam is the encoding of its text (corollaries II and III in
crates/bpe/README.md of github.com/github/rust-gems, read 2026-11-30). Tests compare with whole words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from tui.datasets.engines.new_characters import has_new_character
from tui.datasets.vocabulary import SPECIFICATIONS

if TYPE_CHECKING:
    import tiktoken

LONG_WORD = 16_000
"""Characters from which a word is encoded in windows."""
_BLOCK = LONG_WORD // 2
_WINDOW = 4_096
_DROPPED = 256
"""Bytes at a window's end whose tokens the cut may have changed; the longest token has 128."""
_REMEMBERED = 64
_SPACE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""What `\\s` is for tiktoken; Python's packages take four control characters for white space too."""


class Piece(NamedTuple):
    """A part of a text that is encoded on its own."""

    text: str
    is_word: bool
    """One word of the vocabulary's pattern; else any text, cut where a word ends."""


def pieces_around_long_words(text: str, encoding_name: str) -> list[Piece] | None:
    """Return a text in pieces whose tokens, one after the other, are its own; None where no word is long.

    A text with characters that tiktoken's tables do not know yet is left whole: its words may be others here.
    """
    if not may_hold_long_word(text, encoding_name) or has_new_character(text):
        return None
    return cut_at_long_words(text, encoding_name)


def cut_at_long_words(text: str, encoding_name: str, shortest: int = LONG_WORD) -> list[Piece]:
    """Return a text in pieces, its long words each alone; every word is looked at.

    Args:
        text: Of any length.
        encoding_name: Name of a shipped vocabulary.
        shortest: Characters of a long word.
    """
    pieces: list[Piece] = []
    begin = 0
    blanks: list[tuple[int, int]] = []
    for word in _pattern(encoding_name).finditer(text):
        start, end = word.span()
        if end - start >= shortest:
            # A blank word looks ahead, so that at the end of a piece it could be another: those go alone.
            first = blanks[0][0] if blanks else start
            if begin < first:
                pieces.append(Piece(text[begin:first], False))
            pieces += [Piece(text[one:other], True) for one, other in blanks]
            pieces.append(Piece(text[start:end], True))
            begin, blanks = end, []
        elif text[start:end].isspace():
            blanks.append((start, end))
        else:
            blanks = []
    if begin < len(text):
        pieces.append(Piece(text[begin:], False))
    return pieces


def may_hold_long_word(text: str, encoding_name: str) -> bool:
    """Say whether a text may have a word of so many characters; quick for any other text.

    Such a word fills one of the blocks that a text is cut into, and what it leaves of itself after any of its
    characters is a word, too; or a row of slashes and line ends, which a word may end with.
    """
    if len(text) < LONG_WORD:
        return False
    patterns = _pattern(encoding_name), _ends()
    return any(
        pattern.match(text, start, start + _BLOCK).end() == start + _BLOCK
        for start in range(0, len(text) - _BLOCK + 1, _BLOCK)
        for pattern in patterns
    )


@cache
def _ends() -> Any:
    import regex

    return regex.compile(r"[\r\n/]*+")


@cache
def _pattern(encoding_name: str) -> Any:
    import regex

    pattern = SPECIFICATIONS[encoding_name].pattern
    pattern = pattern.replace(r"[^\s", f"[^{_SPACE}")
    return regex.compile(pattern.replace(r"\s", f"[{_SPACE}]").replace(r"\S", f"[^{_SPACE}]"))


def word_tokens(encoding: tiktoken.Encoding, word: str, window: int = _WINDOW) -> Iterator[Sequence[int]]:
    """Yield the tokens of one word, some at a time, in its order.

    Args:
        encoding: Of a shipped vocabulary.
        word: One word of its pattern.
        window: Bytes that are encoded at once, at least 512.
    """
    try:
        piece = word.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: as tiktoken does
        piece = word.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
    yield from _Windows(encoding, piece, window)


class _Windows:
    """A long word from window to window."""

    def __init__(self, encoding: tiktoken.Encoding, piece: bytes, size: int) -> None:
        self._encoding = encoding
        self._piece = piece
        self._size = size
        self._known: dict[bytes, tuple[list[int], int]] = {}

    def __iter__(self) -> Iterator[Sequence[int]]:
        held, end = self._window(0)
        while end < len(self._piece):
            found, next_end = self._window(end)
            while len(held) > 1 and not self._are_neighbours(held[-1], found[0]):
                end -= self._length(held[-1])
                held = held[:-1]
                found, next_end = self._window(end)
            if not self._are_neighbours(held[-1], found[0]):
                found = self._encoding._encode_single_piece(self._piece[end - self._length(held[0]) :])
                yield found  # no seam was found, so the rest is one window
                return
            yield held
            held, end = found, next_end
        yield held

    def _window(self, start: int) -> tuple[list[int], int]:
        """Return the tokens of a window that a cut can't have changed, and where they end."""
        if len(self._piece) - start <= 2 * self._size:
            # Never a short rest: a word that is a token as a whole is encoded otherwise.
            return self._encoding._encode_single_piece(self._piece[start:]), len(self._piece)
        window = self._piece[start : start + self._size]
        known = self._known.get(window)
        if known is None:
            found = self._encoding._encode_single_piece(window)
            dropped = 0
            while dropped < _DROPPED:
                dropped += self._length(found.pop())
            known = found, len(window) - dropped
            if len(self._known) < _REMEMBERED:
                self._known[window] = known
        return known[0], start + known[1]

    def _length(self, token: int) -> int:
        return len(self._encoding.decode_single_token_bytes(token))

    def _are_neighbours(self, left: int, right: int) -> bool:
        decode = self._encoding.decode_single_token_bytes
        return self._encoding._encode_single_piece(decode(left) + decode(right)) == [left, right]
