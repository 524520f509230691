"""News for a person, and through which channels each was told: written with its cause, told once."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

from tui.store.database import Database

if TYPE_CHECKING:  # Home paints without any news
    from collections.abc import Iterable

    from tui.records.notices import Delivery, Notice

DUE, SENDING, DONE, FAILED, DROPPED = "due", "sending", "done", "failed", "dropped"
_ENDS = ("succeeded", "failed", "cancelled")
"""States of a job that are events too."""
_DELIVERIES = "SELECT deliveries.*, notices.* FROM deliveries JOIN notices ON notices.number = notice"


class NoticeQueries(Database):
    """The part of the store about what is told to a person."""

    def add_notice(self, account: str, subject: str, event: str, topic: str, words: str) -> bool:
        """Write news down; False when the same was written before."""
        with self.transaction() as connection:
            return want_notice(connection, account, subject, event, topic, words)

    def forget_notice(self, account: str, subject: str, topic: str) -> None:
        """Let the same trouble be news again; one that nobody was told of yet is told no more."""
        known = (account, subject, "attention", topic)
        if not self.query(f"SELECT 1 FROM notices WHERE {_SAME}", known):
            return  # asked after every look at an account: writing each time would wear the disk
        with self.transaction() as connection:
            # Renamed, not deleted: what was told of it stays in the list.
            connection.execute(f"UPDATE notices SET topic = topic || ' ' || number WHERE {_SAME}", known)
            connection.execute(
                "UPDATE deliveries SET state = ?, problem = 'it was over before it could be told'"
                " WHERE state = ? AND notice IN (SELECT number FROM notices WHERE account = ?"
                " AND subject = ? AND event = ? AND topic = ? || ' ' || number)",
                (DROPPED, DUE, *known),
            )

    def new_notices(self) -> list[Notice]:
        """Return news for which nobody has decided where to tell it, oldest first."""
        return [_notice(row) for row in self.query("SELECT * FROM notices WHERE NOT routed ORDER BY number")]

    def route_notice(self, notice: Notice, channels: Iterable[str], now: int) -> bool:
        """Note through which channels news is told; False when another program has decided already."""
        with self.transaction() as connection:
            cursor = connection.execute(
                "UPDATE notices SET routed = 1 WHERE number = ? AND NOT routed", (notice.number,)
            )
            if cursor.rowcount != 1:
                return False
            connection.executemany(
                "INSERT INTO deliveries VALUES (?, ?, ?, 0, ?, NULL)",
                [(notice.number, channel, DUE, now) for channel in channels],
            )
            return True

    def open_deliveries(self) -> list[Delivery]:
        """Return what is still to be told, or being told now, the next attempt first."""
        rows = self.query(
            f"{_DELIVERIES} WHERE deliveries.state IN ('due', 'sending') ORDER BY due_at, notice"
        )
        return [_delivery(row) for row in rows]

    def recent_deliveries(self, limit: int = 20) -> list[Delivery]:
        """Return what was told, or is to be, the newest news first."""
        rows = self.query(f"{_DELIVERIES} ORDER BY notice DESC, channel LIMIT ?", (limit,))
        return [_delivery(row) for row in rows]

    def lease_delivery(self, delivery: Delivery, until: int) -> bool:
        """Take a due delivery for oneself before anything is sent; True for one caller only."""
        with self.transaction() as connection:
            cursor = connection.execute(
                "UPDATE deliveries SET state = ?, tries = tries + 1, due_at = ?"
                " WHERE notice = ? AND channel = ? AND state = ? AND tries = ?",
                (SENDING, until, delivery.notice.number, delivery.channel, DUE, delivery.tries),
            )
            return cursor.rowcount == 1

    def note_delivery(
        self, delivery: Delivery, state: str, *, problem: str | None = None, due_at: int = 0
    ) -> None:
        """Write down what became of a delivery."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE deliveries SET state = ?, problem = ?, due_at = ? WHERE notice = ? AND channel = ?",
                (state, problem, due_at, delivery.notice.number, delivery.channel),
            )


_SAME = "account = ? AND subject = ? AND event = ? AND topic = ?"


def want_notice(
    connection: sqlite3.Connection,
    account: str,
    subject: str,
    event: str,
    topic: str = "",
    words: str = "",
) -> bool:
    """Write news down within a transaction, together with what caused it; twice changes nothing."""
    cursor = connection.execute(
        "INSERT OR IGNORE INTO notices (account, subject, event, topic, words, at) VALUES (?, ?, ?, ?, ?, ?)",
        (account, subject, str(event), topic, words, int(time.time())),
    )
    return cursor.rowcount == 1


def want_end_notice(connection: sqlite3.Connection, account: str, job_id: str, state: str) -> None:
    """Write down that a job has ended; one that a stop rule cancelled is told as the rule's act."""
    row = connection.execute(
        "SELECT rule FROM job_actions WHERE account = ? AND job_id = ? AND action = 'cancel'"
        " AND problem IS NULL ORDER BY at DESC LIMIT 1",
        (account, job_id),
    ).fetchone()
    if state == "cancelled" and row is not None:
        want_notice(connection, account, job_id, "stopped", row["rule"])
    elif state in _ENDS:
        want_notice(connection, account, job_id, state)


def _notice(row: sqlite3.Row) -> Notice:
    from tui.records.notices import Notice, NoticeEvent

    return Notice(
        row["number"], row["account"], row["subject"], NoticeEvent(row["event"]), row["topic"], row["words"],
        row["at"],
    )  # fmt: skip


def _delivery(row: sqlite3.Row) -> Delivery:
    from tui.records.notices import Delivery

    return Delivery(_notice(row), row["channel"], row["state"], row["tries"], row["due_at"], row["problem"])
