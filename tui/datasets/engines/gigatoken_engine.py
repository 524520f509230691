"""gigatoken: a compiled encoder, some six times as fast as tiktoken.

Many texts are encoded as one, with a special token between them that tells where each ends: its own batch
call is no faster and loads awkward first (50 MB and 0.3 s in every process). Its memory of words grows
without bound (0.10.0), so it is built anew when this process has grown too much; that takes 0.2 s.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from tui.datasets.engines.new_characters import has_new_character, places_of_new_characters
from tui.datasets.engines.rank_file import rank_file_of
from tui.datasets.long_words import LONG_WORD, may_hold_long_word
from tui.datasets.tokens import TiktokenCounter
from tui.datasets.vocabulary import forget_encoder

if TYPE_CHECKING:
    from gigatoken.gigatoken_rs import BPETokenizer

GROWTH_BYTES = 300_000_000
"""Memory that a process may grow by before its tokenizer is built anew."""
_LOOK_EVERY = 16_000_000
"""Bytes between two looks at the memory."""
_SCHEMES = {"o200k_base": "o200k", "cl100k_base": "gpt4"}
"""Vocabulary -> gigatoken's name of its way to cut text into words."""
_BETWEEN = "\0\x1e"
"""Stands between two texts: what no text holds but by accident, and what can't overlap with itself."""
_BETWEEN_BYTES = _BETWEEN.encode()
_BETWEEN_ID = 300_000
"""Its token; the vocabularies end below."""

_HALF_CHARACTER = (TypeError, UnicodeEncodeError)
"""What it raises (0.10: the first) for text with half of a surrogate pair."""

SELF_CHECK_TEXTS = (
    "hello world",
    "The quick brown fox's 12345 jumps!\n\n\tover  the lazy dog.",
    "I'LL don't WE'VE we'd x'S",
    "<|endoftext|><|im_start|>",
    "お誕生日おめでとう 中文字符 한국어",
    "👩\u200d💻🔥 e\u0301\u0302 naïve Straße ŒUVRE",
    "    def f(x):\n        return x**2  # 3.14159\r\n",
    "привет мир שלום مرحبا नमस्ते ไทย",
    "   \n \n\n  x\u00a0\u3000y",
    "ǅungla ʰaAʼbC ªº ⅷ ½ ²",
    " " * 300 + "a" + "=" * 200 + "a" * 150,
)
SELF_CHECK_TOKENS = {
    "o200k_base": (2, 17, 10, 12, 12, 16, 18, 10, 7, 22, 27),
    "cl100k_base": (2, 17, 12, 12, 16, 22, 18, 26, 7, 23, 28),
}
"""Vocabulary -> what tiktoken 0.14 counts for these texts."""


class GigatokenEngine:
    """Counts as tiktoken does.

    Args:
        name: Of a shipped vocabulary.
        growth_bytes: What the process may grow by.

    Raises:
        ImportError: gigatoken has no wheel for this machine.
        OSError: The rank file can't be written anywhere.
        ValueError: It does not count what tiktoken counts, or there is no such vocabulary.
    """

    def __init__(self, name: str, *, growth_bytes: int = GROWTH_BYTES) -> None:
        self.name = name
        if name not in _SCHEMES:
            raise ValueError(f"gigatoken has no scheme for {name}")
        self._growth_bytes = growth_bytes
        self._exact: TiktokenCounter | None = None
        self._exact_bytes = 0
        self._exact_is_used = False
        self._until_look = _LOOK_EVERY
        self._using = threading.Lock()
        self._path = rank_file_of(name)
        self._tokenizer = self._load()
        self._base_bytes = _resident_bytes()
        self._check_itself()

    def _load(self) -> BPETokenizer:
        from gigatoken.gigatoken_rs import BPETokenizer  # compiled; not every platform has a wheel

        return BPETokenizer.from_tiktoken(self._path, _SCHEMES[self.name], {_BETWEEN: _BETWEEN_ID})

    def _check_itself(self) -> None:
        expected = list(SELF_CHECK_TOKENS[self.name])
        alone = [len(self._tokenizer.encode(text)) for text in SELF_CHECK_TEXTS]
        together = self._counts_at_once([text.encode() for text in SELF_CHECK_TEXTS])
        if alone != expected or together != expected:
            raise ValueError("gigatoken does not count as tiktoken does")

    def count(self, text: str) -> int:
        """Return the tokens of one text."""
        if _BETWEEN in text or has_new_character(text) or may_hold_long_word(text, self.name):
            return self._exactly(text)
        with self._using:
            self._note(len(text))
            try:
                return len(self._tokenizer.encode(text))
            except _HALF_CHARACTER:
                return self._exactly(text)

    def counts(self, texts: Sequence[str]) -> list[int]:
        """Return the tokens of each text."""
        if not texts:
            return []
        if max(map(len, texts)) >= LONG_WORD:
            return self._counts_around_long(texts)
        try:
            encoded = [text.encode() for text in texts]
        except UnicodeEncodeError:
            return [self.count(text) for text in texts]
        counts = self._counts_at_once(encoded)
        if len(counts) != len(texts):  # one holds what stands between them
            return [self.count(text) for text in texts]
        return counts

    def _counts_around_long(self, texts: Sequence[str]) -> list[int]:
        """Count the texts that may hold too long a word alone, and the others together."""
        others = iter(self.counts([text for text in texts if len(text) < LONG_WORD]))
        return [self.count(text) if len(text) >= LONG_WORD else next(others) for text in texts]

    def _counts_at_once(self, texts: Sequence[bytes]) -> list[int]:
        """Return the tokens of each text in UTF-8; another number of them where one holds `_BETWEEN`."""
        import numpy

        joined = _BETWEEN_BYTES.join([*texts, b""])
        with self._using:
            self._note(len(joined))
            tokens = numpy.asarray(self._tokenizer.encode(joined))
        ends = numpy.flatnonzero(tokens == _BETWEEN_ID)
        counts: list[int] = (numpy.diff(ends, prepend=-1) - 1).tolist()
        places = places_of_new_characters(joined)
        if places and len(counts) == len(texts):
            starts = list(accumulate((len(text) + len(_BETWEEN_BYTES) for text in texts), initial=0))
            for index in {bisect_right(starts, place) - 1 for place in places}:
                counts[index] = self._exactly(texts[index].decode())
        return counts

    def _exactly(self, text: str) -> int:
        exact = self._exact  # another thread may let go of it meanwhile
        if exact is None:
            before = _resident_bytes()
            exact = self._exact = TiktokenCounter(self.name)
            self._exact_bytes = max(0, _resident_bytes() - before)
        self._exact_is_used = True
        return exact.count(text)

    def _forget_exact(self) -> None:
        """Let go of the reference when no text has needed it since the last look: hardly any ever does."""
        if self._exact is not None and not self._exact_is_used:
            self._exact, self._exact_bytes = None, 0
            forget_encoder(self.name)
            _give_back_free_memory()
        self._exact_is_used = False

    def _note(self, characters: int) -> None:
        self._until_look -= characters
        if self._until_look > 0:
            return
        self._until_look = _LOOK_EVERY
        self._forget_exact()
        if _resident_bytes() - self._exact_bytes - self._base_bytes > self._growth_bytes:
            del self._tokenizer  # before the new one, or both would count against the memory
            _give_back_free_memory()
            self._tokenizer = self._load()
            # What others hold by now is not the tokenizer's: it must not be built anew at every look.
            self._base_bytes = max(self._base_bytes, _resident_bytes() - self._exact_bytes)


def _give_back_free_memory() -> None:
    """Let the system have what the C library keeps of freed memory, where that can be asked for."""
    import ctypes

    try:
        ctypes.CDLL(None).malloc_trim(0)  # glibc alone has it
    except (AttributeError, OSError, TypeError):
        return


def _resident_bytes() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)
