"""Chats: their settings, tags and turns, and what was answered."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tui.store.chat_turn_queries import ChatTurnQueries

if TYPE_CHECKING:  # what a chat is made of is loaded with the first chat: Home paints without
    from tui.records.chats import ChatParameters
    from tui.store.chat_rows import ChatSummary, StoredChat

_TABLES = ("answers", "messages", "turn_places", "chat_images", "chat_tags")
"""What belongs to a chat, beside its own row and the index of its words."""


class ChatQueries(ChatTurnQueries):
    """The part of the store about conversations."""

    def create_chat(
        self,
        models: Sequence[tuple[str, str]],
        *,
        title: str = "",
        system_prompt: str = "",
        parameters: ChatParameters | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> str:
        """Begin a conversation with (account, model) pairs and return its id."""
        from tui.records.chats import ChatParameters

        chat_id = uuid.uuid4().hex
        now = time.time_ns() // 1_000_000
        kept = json.dumps(asdict(parameters or ChatParameters()))
        with self.transaction() as connection:
            connection.execute(
                "INSERT INTO chats"
                " (id, title, models, system_prompt, parameters, created_at, updated_at, tools)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (chat_id, title, json.dumps(list(models)), system_prompt, kept, now, now,
                 json.dumps(list(tools))),
            )  # fmt: skip
        return chat_id

    def update_chat(
        self,
        chat_id: str,
        *,
        title: str | None = None,
        models: Sequence[tuple[str, str]] | None = None,
        system_prompt: str | None = None,
        parameters: ChatParameters | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """Change what is given; the rest stays."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE chats SET title = coalesce(?, title), models = coalesce(?, models),"
                " system_prompt = coalesce(?, system_prompt), parameters = coalesce(?, parameters),"
                " tools = coalesce(?, tools), updated_at = ? WHERE id = ?",
                (title, None if models is None else json.dumps(list(models)), system_prompt,
                 None if parameters is None else json.dumps(asdict(parameters)),
                 None if tools is None else json.dumps(list(tools)), time.time_ns() // 1_000_000, chat_id),
            )  # fmt: skip

    def show_branch(self, chat_id: str, head: int) -> None:
        """Keep which turn the branch that is shown ends with."""
        with self.transaction() as connection:
            connection.execute("UPDATE chats SET head = ? WHERE id = ?", (head, chat_id))

    def set_chat_tags(self, chat_id: str, tags: Sequence[str]) -> None:
        """Replace the tags of a conversation."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM chat_tags WHERE chat_id = ?", (chat_id,))
            connection.executemany(
                "INSERT OR IGNORE INTO chat_tags VALUES (?, ?)", [(chat_id, tag) for tag in tags]
            )
            # Its words are to be indexed anew.
            connection.execute("DELETE FROM indexed_chats WHERE chat_id = ?", (chat_id,))

    def chats(self, limit: int = 50, tag: str | None = None) -> list[ChatSummary]:
        """Return conversations, the last one used first.

        Args:
            limit: Most of them.
            tag: Only those that have it.
        """
        rows = self.query(
            "SELECT * FROM chats WHERE :tag IS NULL"
            " OR id IN (SELECT chat_id FROM chat_tags WHERE tag = :tag)"
            " ORDER BY updated_at DESC, rowid DESC LIMIT :limit",
            {"limit": limit, "tag": tag},
        )
        tags: dict[str, list[str]] = {}
        for row in self.query("SELECT chat_id, tag FROM chat_tags ORDER BY tag"):
            tags.setdefault(row["chat_id"], []).append(row["tag"])
        return [_summary(row, tags.get(row["id"], ())) for row in rows]

    def chats_beginning(self, part: str) -> list[str]:
        """Return the ids that begin with a part of one, the last one used first; for people who type."""
        pattern = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        rows = self.query(
            "SELECT id FROM chats WHERE id LIKE ? ESCAPE '\\' ORDER BY updated_at DESC LIMIT 20", (pattern,)
        )
        return [row["id"] for row in rows]

    def chat(self, chat_id: str) -> StoredChat | None:
        """Return a conversation with its turns and answers, or None."""
        rows = self.query("SELECT * FROM chats WHERE id = ?", (chat_id,))
        if not rows:
            return None
        from tui.records.chats import ChatMessage
        from tui.store.chat_rows import StoredChat

        tags = self.query("SELECT tag FROM chat_tags WHERE chat_id = ? ORDER BY tag", (chat_id,))
        messages = self.query("SELECT * FROM messages WHERE chat_id = ? ORDER BY turn, rowid", (chat_id,))
        return StoredChat(
            _summary(rows[0], [row["tag"] for row in tags]),
            tuple((row["turn"], ChatMessage(row["role"], row["content"])) for row in messages),
            self.chat_answers(chat_id),
            self.chat_turns(chat_id),
        )

    def delete_chat(self, chat_id: str) -> None:
        """Delete a conversation and all that was said in it; the tokens that it used stay counted."""
        with self.transaction() as connection:
            self.forget_words(connection, chat_id)
            for table in _TABLES:
                connection.execute(f"DELETE FROM {table} WHERE chat_id = ?", (chat_id,))
            connection.execute("DELETE FROM chats WHERE id = ?", (chat_id,))


def _summary(row: sqlite3.Row, tags: Sequence[str]) -> ChatSummary:
    from tui.records.chats import ChatParameters
    from tui.store.chat_rows import ChatSummary

    parameters = json.loads(row["parameters"])
    parameters["stop"] = tuple(parameters.get("stop") or ())
    return ChatSummary(
        row["id"],
        row["title"],
        tuple((account, model) for account, model in json.loads(row["models"])),
        row["system_prompt"],
        ChatParameters(**parameters),
        row["created_at"] // 1000,
        row["updated_at"] // 1000,
        row["head"],
        tuple(json.loads(row["tools"])),
        tuple(tags),
    )
