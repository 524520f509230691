"""The turns of chats: what was asked, where it stands among the branches, and what was answered."""

from __future__ import annotations

import json
import sqlite3
import time
from typing import TYPE_CHECKING, Any

from tui.store.chat_search_queries import ChatSearchQueries
from tui.store.usage_queries import keep_answer_usage

if TYPE_CHECKING:  # what a chat is made of is loaded with the first chat: Home paints without
    from tui.records.chats import Answer, ChatImage, TokenLogprob
    from tui.store.chat_rows import StoredTurn

TOOL_TURN = "tool"
"""Role of a turn in which a person answers tool calls instead of asking."""
_ANSWER_COLUMNS = (
    "chat_id", "turn", "account", "model", "created_at", "text", "finish_reason", "prompt_tokens",
    "completion_tokens", "cached_tokens", "first_token_seconds", "seconds", "error", "tool_calls", "logprobs",
)  # fmt: skip
_KEEP_ANSWER = (
    f"INSERT OR REPLACE INTO answers ({', '.join(_ANSWER_COLUMNS)})"
    f" VALUES ({', '.join('?' * len(_ANSWER_COLUMNS))})"
)


class ChatTurnQueries(ChatSearchQueries):
    """The part of the store about what was said."""

    def add_message(self, chat_id: str, turn: int, role: str, content: str) -> None:
        """Keep what a person said at a turn (counted from 1); said again, it is replaced."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?)", (chat_id, turn, role, plain(content))
            )
            _touch(connection, chat_id)

    def add_turn(self, chat_id: str, turn: StoredTurn) -> None:
        """Keep what was asked, with its place; the branch that is shown ends with it from now on."""
        role = TOOL_TURN if turn.results else "user"
        results = [[account, model, list(said)] for (account, model), said in turn.results.items()]
        with self.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?)",
                (chat_id, turn.number, role, plain(turn.question)),
            )
            images = [[image.name, _keep_image(connection, chat_id, image)] for image in turn.images]
            connection.execute(
                "INSERT OR REPLACE INTO turn_places VALUES (?, ?, ?, ?, ?)",
                (chat_id, turn.number, turn.parent, json.dumps(results), json.dumps(images)),
            )
            connection.execute("UPDATE chats SET head = ? WHERE id = ?", (turn.number, chat_id))
            _touch(connection, chat_id)

    def add_answer(self, answer: Answer) -> None:
        """Keep an answer; a second one at another second (asked again) is kept beside it."""
        used = answer.usage
        calls = [[call.name, call.arguments] for call in answer.tool_calls]
        logprobs = [[one.token, one.logprob, one.alternatives] for one in answer.logprobs]
        with self.transaction() as connection:
            connection.execute(
                _KEEP_ANSWER,
                (answer.chat_id, answer.turn, answer.account, answer.model, answer.created_at,
                 plain(answer.text), answer.finish_reason, used.prompt_tokens, used.completion_tokens,
                 used.cached_tokens, answer.first_token_seconds, answer.seconds, plain(answer.error),
                 json.dumps(calls), json.dumps(logprobs)),
            )  # fmt: skip
            keep_answer_usage(connection, answer)
            _touch(connection, answer.chat_id)

    def chat_turns(self, chat_id: str) -> tuple[StoredTurn, ...]:
        """Return all turns of a conversation by number; one of before branches follows the one before it."""
        from tui.store.chat_rows import StoredTurn

        rows = self.query(
            "SELECT m.turn, m.content, p.turn AS placed, p.parent, p.results, p.images FROM messages m"
            " LEFT JOIN turn_places p ON p.chat_id = m.chat_id AND p.turn = m.turn"
            " WHERE m.chat_id = ? AND m.role IN ('user', ?) ORDER BY m.turn",
            (chat_id, TOOL_TURN),
        )
        before: int | None = None
        turns = []
        for row in rows:
            placed = row["placed"] is not None
            turns.append(
                StoredTurn(
                    row["turn"], row["parent"] if placed else before, row["content"],
                    self._images(chat_id, row["images"]) if placed else (),
                    {(account, model): tuple(said) for account, model, said in json.loads(row["results"])}
                    if placed else {},
                )
            )  # fmt: skip
            before = row["turn"]
        return tuple(turns)

    def _images(self, chat_id: str, listed: str) -> tuple[ChatImage, ...]:
        from tui.records.chats import ChatImage

        images = []
        for name, digest in json.loads(listed):
            rows = self.query("SELECT * FROM chat_images WHERE chat_id = ? AND digest = ?", (chat_id, digest))
            images += [
                ChatImage(name, row["media_type"], row["content"], row["width"], row["height"])
                for row in rows
            ]
        return tuple(images)

    def chat_answers(self, chat_id: str) -> tuple[Answer, ...]:
        """Return all answers of a conversation, those of one turn in the order in which they were asked."""
        rows = self.query("SELECT * FROM answers WHERE chat_id = ? ORDER BY turn, rowid", (chat_id,))
        return tuple(_answer(row) for row in rows)


def _touch(connection: sqlite3.Connection, chat_id: str) -> None:
    # Later than before in any case: what is indexed is told by it.
    connection.execute(
        "UPDATE chats SET updated_at = max(updated_at + 1, ?) WHERE id = ?",
        (time.time_ns() // 1_000_000, chat_id),
    )


def _keep_image(connection: sqlite3.Connection, chat_id: str, image: ChatImage) -> str:
    from hashlib import sha256

    digest = sha256(image.content).hexdigest()
    connection.execute(
        "INSERT OR IGNORE INTO chat_images VALUES (?, ?, ?, ?, ?, ?)",
        (chat_id, digest, image.media_type, image.width, image.height, image.content),
    )
    return digest


def plain(text: str) -> str:
    """Return a text as SQLite keeps it: UTF-8 has no unpaired surrogates, a model's broken bytes may."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _answer(row: sqlite3.Row) -> Answer:
    from tui.records.chats import Answer, ToolCall, Usage

    return Answer(
        row["chat_id"], row["turn"], row["model"], row["account"], row["text"], row["finish_reason"],
        Usage(row["prompt_tokens"], row["completion_tokens"], row["cached_tokens"]),
        row["first_token_seconds"], row["seconds"], row["created_at"], row["error"],
        tuple(ToolCall(name, arguments) for name, arguments in json.loads(row["tool_calls"])),
        tuple(_logprob(one) for one in json.loads(row["logprobs"])),
    )  # fmt: skip


def _logprob(kept: list[Any]) -> TokenLogprob:
    from tui.records.chats import TokenLogprob

    token, logprob, alternatives = kept
    return TokenLogprob(token, logprob, tuple((other, value) for other, value in alternatives))
