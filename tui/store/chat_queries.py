"""Accounts and models as last seen; chats and their answers."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from tui.records.models import Account, ModelInfo
from tui.store.database import Database
from tui.store.usage_queries import keep_answer_usage

if TYPE_CHECKING:  # what a chat is made of is loaded with the first chat: Home paints without
    from tui.records.chats import Answer, ChatParameters
    from tui.store.chat_rows import ChatSummary, StoredChat


class ChatQueries(Database):
    """The part of the store about who answers and what was said."""

    def save_accounts(self, accounts: Iterable[Account]) -> None:
        """Keep which accounts exist; keys are not part of an account and are never written."""
        with self.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?, ?)",
                [(one.name, one.provider, one.base_url, one.label, int(time.time())) for one in accounts],
            )

    def note_account(self, account: str, topic: str, message: str) -> None:
        """Keep what a service said about an account, such as topic "training_not_available"."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO account_notes VALUES (?, ?, ?, ?)",
                (account, topic, message, int(time.time())),
            )

    def account_note(self, account: str, topic: str) -> tuple[str, int] | None:
        """Return (message, Unix seconds) of a note, or None."""
        rows = self.query(
            "SELECT message, noted_at FROM account_notes WHERE account = ? AND topic = ?", (account, topic)
        )
        return (rows[0]["message"], rows[0]["noted_at"]) if rows else None

    def forget_account_note(self, account: str, topic: str) -> None:
        """Drop a note that is no longer true."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM account_notes WHERE account = ? AND topic = ?", (account, topic))

    def save_models(self, account: str, models: Sequence[ModelInfo]) -> None:
        """Replace the list of models that an account offers."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM models WHERE account = ?", (account,))
            connection.executemany(
                "INSERT OR REPLACE INTO models VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (account, one.id, one.created_at, one.owned_by, one.base_model, one.shutdown_date,
                     one.can_train, one.can_chat, int(time.time()))
                    for one in models
                ],
            )  # fmt: skip

    def models(self, account: str | None = None) -> list[ModelInfo]:
        """Return models as last seen, newest first."""
        rows = self.query(
            "SELECT * FROM models WHERE (:account IS NULL OR account = :account)"
            " ORDER BY created_at DESC, id",
            {"account": account},
        )
        return [
            ModelInfo(row["account"], row["id"], row["created_at"], row["owned_by"], row["base_model"],
                      row["shutdown_date"], bool(row["can_train"]), bool(row["can_chat"]))
            for row in rows
        ]  # fmt: skip

    def save_model_dates(self, provider: str, told: Mapping[str, str | None]) -> None:
        """Keep the shutdown dates that a service told, with today; None forgets what it told before."""
        now = int(time.time())
        with self.transaction() as connection:
            connection.executemany(
                "DELETE FROM model_dates WHERE provider = ? AND model = ?",
                [(provider, model) for model, day in told.items() if day is None],
            )
            connection.executemany(
                "INSERT OR REPLACE INTO model_dates VALUES (?, ?, ?, ?)",
                [(provider, model, day, now) for model, day in told.items() if day is not None],
            )

    def model_dates(self) -> list[tuple[str, str, str, int]]:
        """Return (service, model, shutdown date, Unix second at which it was told) of all that were told."""
        rows = self.query("SELECT * FROM model_dates ORDER BY provider, model")
        return [(row["provider"], row["model"], row["shutdown_date"], row["seen_at"]) for row in rows]

    def create_chat(
        self,
        models: Sequence[tuple[str, str]],
        *,
        title: str = "",
        system_prompt: str = "",
        parameters: ChatParameters | None = None,
    ) -> str:
        """Begin a conversation with (account, model) pairs and return its id."""
        from tui.records.chats import ChatParameters

        chat_id = uuid.uuid4().hex
        now = _milliseconds()
        kept = json.dumps(asdict(parameters or ChatParameters()))
        with self.transaction() as connection:
            connection.execute(
                "INSERT INTO chats VALUES (?, ?, ?, ?, ?, ?, ?)",
                (chat_id, title, json.dumps(list(models)), system_prompt, kept, now, now),
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
    ) -> None:
        """Change what is given; the rest stays."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE chats SET title = coalesce(?, title), models = coalesce(?, models),"
                " system_prompt = coalesce(?, system_prompt), parameters = coalesce(?, parameters),"
                " updated_at = ? WHERE id = ?",
                (title, None if models is None else json.dumps(list(models)), system_prompt,
                 None if parameters is None else json.dumps(asdict(parameters)), _milliseconds(), chat_id),
            )  # fmt: skip

    def chats(self, limit: int = 50) -> list[ChatSummary]:
        """Return conversations, the last one used first."""
        rows = self.query("SELECT * FROM chats ORDER BY updated_at DESC, rowid DESC LIMIT ?", (limit,))
        return [_summary(row) for row in rows]

    def chat(self, chat_id: str) -> StoredChat | None:
        """Return a conversation with its messages and answers, or None."""
        rows = self.query("SELECT * FROM chats WHERE id = ?", (chat_id,))
        if not rows:
            return None
        from tui.records.chats import ChatMessage
        from tui.store.chat_rows import StoredChat

        messages = self.query("SELECT * FROM messages WHERE chat_id = ? ORDER BY turn, rowid", (chat_id,))
        answers = self.query("SELECT * FROM answers WHERE chat_id = ? ORDER BY turn, rowid", (chat_id,))
        return StoredChat(
            _summary(rows[0]),
            tuple((row["turn"], ChatMessage(row["role"], row["content"])) for row in messages),
            tuple(_answer(row) for row in answers),
        )

    def delete_chat(self, chat_id: str) -> None:
        """Delete a conversation and all that was said in it; the tokens that it used stay counted."""
        with self.transaction() as connection:
            for table, column in (("answers", "chat_id"), ("messages", "chat_id"), ("chats", "id")):
                connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (chat_id,))

    def add_message(self, chat_id: str, turn: int, role: str, content: str) -> None:
        """Keep what a person said at a turn (counted from 1); said again, it is replaced."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?)", (chat_id, turn, role, _plain(content))
            )
            connection.execute("UPDATE chats SET updated_at = ? WHERE id = ?", (_milliseconds(), chat_id))

    def add_answer(self, answer: Answer) -> None:
        """Keep an answer; a second one at another second (asked again) is kept beside it."""
        usage = answer.usage
        with self.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (answer.chat_id, answer.turn, answer.account, answer.model, answer.created_at,
                 _plain(answer.text), answer.finish_reason, usage.prompt_tokens, usage.completion_tokens,
                 usage.cached_tokens, answer.first_token_seconds, answer.seconds),
            )  # fmt: skip
            keep_answer_usage(connection, answer)
            connection.execute(
                "UPDATE chats SET updated_at = ? WHERE id = ?", (_milliseconds(), answer.chat_id)
            )


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


def _plain(text: str) -> str:
    # SQLite keeps UTF-8, which has no unpaired surrogates; a model's broken bytes may hold some.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _summary(row: sqlite3.Row) -> ChatSummary:
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
    )


def _answer(row: sqlite3.Row) -> Answer:
    from tui.records.chats import Answer, Usage

    return Answer(
        row["chat_id"], row["turn"], row["model"], row["account"], row["text"], row["finish_reason"],
        Usage(row["prompt_tokens"], row["completion_tokens"], row["cached_tokens"]),
        row["first_token_seconds"], row["seconds"], row["created_at"],
    )  # fmt: skip
