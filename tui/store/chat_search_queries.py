"""Finds words over all chats, through SQLite's full-text index.

The index is brought up to date by the search, not by what is kept: an answer is written many times while it
streams, and what a killed program had kept is found all the same.

The index takes words at spaces and signs, and Chinese, Japanese, Thai and their like write none between
words. Their letters are kept apart by a space of no width, so that each is a word to the index and what is
looked for is a row of them, found wherever it stands. (FTS5's own `trigram` finds nothing of two letters.)
"""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING

from tui.store.database import Database, StoreError
from tui.unspaced import HANGUL, UNSPACED

if TYPE_CHECKING:
    from tui.store.chat_rows import ChatHit

_MOST_INDEXED = 200_000
"""Characters of one turn's answers whose words can be found."""
FOUND_BEGINS, FOUND_ENDS = "\x02", "\x03"
"""Around what was found in an excerpt; texts that hold them have them taken out."""
_APART = "\u200b"
_UNSPACED = re.compile(f"([{UNSPACED}{HANGUL}])")
_EXCERPT_WORDS, _EXCERPT_LETTERS = 10, 40
"""How many of what the index takes for words stand in an excerpt: 64 are the most that FTS5 gives."""
_INDEX = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS chat_words USING"
    " fts5(words, tokenize = 'unicode61 remove_diacritics 2 categories ''L* N* Co Mn Mc''')"
)
"""Marks belong to words: without them Hindi, Tamil or Thai would be found whatever its vowels are."""


class ChatSearchQueries(Database):
    """The part of the store about finding what was said."""

    def search_chats(self, words: str, limit: int = 50, tag: str | None = None) -> list[ChatHit]:
        """Return the turns that hold all of these words or beginnings of words, the best first.

        Args:
            words: What is looked for; signs between words don't count.
            limit: Most of them.
            tag: Only chats that have it.

        Raises:
            StoreError: This Python's SQLite has no full-text search.
        """
        from tui.store.chat_rows import ChatHit

        wanted = _expression(words)
        if not wanted:
            return []
        self._index_chats()
        length = _EXCERPT_LETTERS if _UNSPACED.search(words) else _EXCERPT_WORDS
        rows = self.query(
            "SELECT t.chat_id, t.turn, c.title, c.updated_at, c.models,"
            " snippet(chat_words, 0, ?, ?, '…', ?) AS excerpt"
            " FROM chat_words JOIN indexed_turns t ON t.number = chat_words.rowid"
            " JOIN chats c ON c.id = t.chat_id WHERE chat_words MATCH ?"
            " AND (? IS NULL OR c.id IN (SELECT chat_id FROM chat_tags WHERE tag = ?))"
            " ORDER BY rank, c.updated_at DESC LIMIT ?",
            (FOUND_BEGINS, FOUND_ENDS, length, wanted, tag, tag, limit),
        )
        import json

        return [
            ChatHit(row["chat_id"], row["title"], row["turn"], row["excerpt"].replace(_APART, ""),
                    row["updated_at"] // 1000,
                    tuple((account, model) for account, model in json.loads(row["models"])))
            for row in rows
        ]  # fmt: skip

    def _index_chats(self) -> None:
        """Index what has changed since it was indexed last."""
        with self.transaction() as connection:
            try:
                connection.execute(_INDEX)
            except sqlite3.OperationalError as error:
                if "no such module" not in str(error):
                    raise
                raise StoreError(
                    "This Python's SQLite has no full-text search.",
                    "Use a Python whose sqlite3 is built with FTS5.",
                ) from None
            changed = connection.execute(
                "SELECT c.id, c.title, c.system_prompt, c.updated_at FROM chats c"
                " LEFT JOIN indexed_chats i ON i.chat_id = c.id"
                " WHERE i.updated_at IS NULL OR i.updated_at <> c.updated_at"
            ).fetchall()
            for row in changed:
                self.forget_words(connection, row["id"])
                for turn, text in _texts(connection, row):
                    number = connection.execute(
                        "INSERT INTO indexed_turns (chat_id, turn) VALUES (?, ?)", (row["id"], turn)
                    ).lastrowid
                    connection.execute("INSERT INTO chat_words (rowid, words) VALUES (?, ?)", (number, text))
                connection.execute("INSERT INTO indexed_chats VALUES (?, ?)", (row["id"], row["updated_at"]))

    def forget_words(self, connection: sqlite3.Connection, chat_id: str) -> None:
        """Take a chat's words out of the index, within a transaction."""
        indexed = connection.execute(
            "SELECT number FROM indexed_turns WHERE chat_id = ?", (chat_id,)
        ).fetchall()
        for row in indexed:
            connection.execute("DELETE FROM chat_words WHERE rowid = ?", (row["number"],))
        for table in ("indexed_turns", "indexed_chats"):
            connection.execute(f"DELETE FROM {table} WHERE chat_id = ?", (chat_id,))


def _texts(connection: sqlite3.Connection, chat: sqlite3.Row) -> list[tuple[int, str]]:
    """Return what can be found of a chat by turn; 0 stands for the chat itself."""
    tags = connection.execute("SELECT tag FROM chat_tags WHERE chat_id = ?", (chat["id"],)).fetchall()
    parts: dict[int, list[str]] = {0: [chat["system_prompt"], *(row["tag"] for row in tags)]}
    for table, column in (("messages", "content"), ("answers", "text")):
        rows = connection.execute(
            f"SELECT turn, substr({column}, 1, ?) AS text FROM {table} WHERE chat_id = ? ORDER BY rowid",
            (_MOST_INDEXED, chat["id"]),
        )
        for row in rows:
            parts.setdefault(row["turn"], []).append(row["text"])
    marks = str.maketrans({FOUND_BEGINS: " ", FOUND_ENDS: " "})
    return [
        (turn, _letters_apart("\n".join(texts).translate(marks)[:_MOST_INDEXED]))
        for turn, texts in parts.items()
    ]


def _letters_apart(text: str) -> str:
    return text if text.isascii() else _UNSPACED.sub(rf"{_APART}\1{_APART}", text)


def _expression(words: str) -> str:
    """Return what FTS5 takes: each word quoted, so that no sign in it is an operator, and a beginning."""
    plain = words.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", " ")
    return " ".join(
        '"' + _letters_apart(word).replace('"', '""') + '"*'
        for word in plain.split()
        if any(map(str.isalnum, word))
    )
