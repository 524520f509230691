"""Finds the texts whose words are most like a question's: SQLite's own BM25, in memory, for one task's time.

No words beside those of the question are found: "cheap" does not find "inexpensive". That is what embeddings
are for; this needs no model, no network and no further package, and says the same every time.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import unicodedata
from collections.abc import Iterable

from tui.unspaced import HANGUL, UNSPACED

_UNSPACED = re.compile(f"([{UNSPACED}{HANGUL}])")
_ASCII_WORD = re.compile(r"\w+")
_MOST_WORDS = 64
"""Of a question: more words make a search slow and find nothing else."""
_MOST_CHARACTERS = 20_000
"""Of a text that is indexed."""


class TextIndex:
    """Texts by number; thread-safe, and gone when it is closed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._connection.execute(
            "CREATE VIRTUAL TABLE texts USING fts5(words, content = '',"
            " tokenize = 'unicode61 remove_diacritics 2 categories ''L* N* Co Mn Mc''')"
        )

    def add(self, texts: Iterable[tuple[int, str]]) -> None:
        """Take texts in.

        Args:
            texts: (number from 1, text); a number is given once.
        """
        with self._lock:
            self._connection.execute("BEGIN")
            self._connection.executemany(
                "INSERT INTO texts (rowid, words) VALUES (?, ?)",
                ((number, _plain(text)) for number, text in texts),
            )
            self._connection.execute("COMMIT")

    def nearest(self, text: str, most: int) -> list[int]:
        """Return the numbers of the texts that share the rarest and most words, the nearest first."""
        words = list(dict.fromkeys(_words(_plain(text).lower())))[:_MOST_WORDS]
        if not words or most < 1:
            return []
        wanted = " OR ".join(f'"{word}"' for word in words)
        with self._lock:
            rows = self._connection.execute(
                "SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY bm25(texts), rowid LIMIT ?",
                (wanted, most),
            ).fetchall()
        return [int(row[0]) for row in rows]

    def close(self) -> None:
        """Forget all of it."""
        with self._lock:
            self._connection.close()


def _words(text: str) -> list[str]:
    """Return the words as the index takes them: marks such as vowel signs of Hindi belong to them."""
    if text.isascii():
        return _ASCII_WORD.findall(text)
    return "".join(char if _is_of_word(char) else " " for char in text).split()


def _is_of_word(char: str) -> bool:
    return char.isalnum() or char == "_" or unicodedata.category(char) in {"Mn", "Mc"}


def _plain(text: str) -> str:
    """Return what is indexed: letters that are written without spaces apart, no unpaired surrogates."""
    cut = text[:_MOST_CHARACTERS].encode("utf-8", "replace").decode("utf-8").replace("\0", " ")
    return _UNSPACED.sub(r" \1 ", cut)
