"""Blind comparisons: sides, prompts, what stood left, and what was preferred."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tui.store.database import Database

if TYPE_CHECKING:
    import sqlite3

    from tui.records.comparisons import Comparison, Rating, Round, Side


class ComparisonQueries(Database):
    """The part of the store about comparisons; answers are those of `EvalQueries`."""

    def save_comparison(self, comparison: Comparison, rounds: Sequence[Round]) -> None:
        """Keep a comparison with its prompts; again, it changes nothing and keeps every rating."""
        with self.transaction() as connection:
            sides = json.dumps([asdict(one) for one in comparison.sides])
            connection.execute(
                "INSERT OR IGNORE INTO comparisons VALUES (?, ?, ?, ?, ?)",
                (comparison.id, _plain(comparison.source), sides, comparison.seed, comparison.created_at),
            )
            connection.executemany(
                "INSERT OR IGNORE INTO compared_rounds VALUES (?, ?, ?, ?, ?, NULL, NULL)",
                [
                    (comparison.id, one.number, json.dumps([_message(message) for message in one.messages]),
                     json.dumps(list(one.tools)), one.first_is_left)
                    for one in rounds
                ],
            )  # fmt: skip

    def rate_round(self, comparison: str, number: int, rating: Rating | None, now: int) -> None:
        """Keep what a person preferred; None takes a rating back."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE compared_rounds SET rating = ?, rated_at = ? WHERE comparison = ? AND number = ?",
                (
                    None if rating is None else rating.value,
                    None if rating is None else now,
                    comparison,
                    number,
                ),
            )

    def comparisons(self) -> list[Comparison]:
        """Return all comparisons, newest first."""
        rows = self.query("SELECT * FROM comparisons ORDER BY created_at DESC, rowid DESC")
        return [_comparison(row) for row in rows]

    def comparison(self, comparison_id: str) -> Comparison | None:
        """Return one comparison, or None."""
        rows = self.query("SELECT * FROM comparisons WHERE id = ?", (comparison_id,))
        return _comparison(rows[0]) if rows else None

    def compared_rounds(self, comparison_id: str) -> list[Round]:
        """Return the prompts of a comparison with their ratings, in their order."""
        rows = self.query(
            "SELECT * FROM compared_rounds WHERE comparison = ? ORDER BY number", (comparison_id,)
        )
        return [_round(row) for row in rows]


def _message(message: Any) -> list[Any]:
    return [message.role, message.content, None if message.whole is None else dict(message.whole)]


def _plain(text: str) -> str:
    # SQLite keeps UTF-8, which has no unpaired surrogates.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _side(value: dict[str, Any]) -> Side:
    from tui.records.chats import ChatParameters
    from tui.records.comparisons import Side

    told = value["parameters"]
    known = {name: one for name, one in told.items() if name in ChatParameters.__dataclass_fields__}
    known["stop"] = tuple(known.get("stop") or ())
    return Side(value["account"], value["model"], value["system"], ChatParameters(**known))


def _comparison(row: sqlite3.Row) -> Comparison:
    from tui.records.comparisons import Comparison

    first, second = json.loads(row["sides"])
    return Comparison(row["id"], row["source"], (_side(first), _side(second)), row["seed"], row["created_at"])


def _round(row: sqlite3.Row) -> Round:
    from tui.records.chats import ChatMessage
    from tui.records.comparisons import Rating, Round

    return Round(
        row["number"], tuple(ChatMessage(*one) for one in json.loads(row["messages"])),
        tuple(json.loads(row["tools"])), bool(row["first_is_left"]),
        None if row["rating"] is None else Rating(row["rating"]), row["rated_at"],
    )  # fmt: skip
