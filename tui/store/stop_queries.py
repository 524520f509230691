"""Rules by which jobs are stopped, and a log of what they did."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass

from tui.store.database import Database
from tui.store.notice_queries import want_notice


@dataclass(frozen=True, slots=True)
class JobAction:
    """Something that tunedeck did to a job by itself."""

    account: str
    job_id: str
    rule: str
    """Name of the rule that fired."""
    action: str
    """What was asked of the service."""
    reason: str
    """A sentence with the numbers."""
    at: int
    """Unix seconds of the first attempt."""
    done: bool
    """Whether the service has taken it."""
    problem: str | None = None
    """Why the last attempt failed."""


class StopQueries(Database):
    """The part of the store about stop rules."""

    def set_stop_rules(self, account: str, job_id: str, rules: str) -> None:
        """Keep the rules of a job as a line of text; an empty one removes them."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM stop_rules WHERE account = ? AND job_id = ?", (account, job_id))
            if rules:
                connection.execute("INSERT INTO stop_rules VALUES (?, ?, ?)", (account, job_id, rules))

    def stop_rules(self, account: str, job_id: str) -> str:
        """Return the rules of a job as they were set; empty when there are none."""
        rows = self.query("SELECT rules FROM stop_rules WHERE account = ? AND job_id = ?", (account, job_id))
        return str(rows[0]["rules"]) if rows else ""

    def log_action(self, account: str, job_id: str, rule: str, action: str, reason: str) -> JobAction:
        """Write down that a rule has fired, before anything is asked; the first reason of a rule stays."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO job_actions VALUES (?, ?, ?, ?, ?, ?, 0, NULL)",
                (account, job_id, rule, action, reason, int(time.time())),
            )
            row = connection.execute(
                "SELECT * FROM job_actions WHERE account = ? AND job_id = ? AND rule = ?",
                (account, job_id, rule),
            ).fetchone()
        return _action(row)

    def note_action(self, action: JobAction, *, problem: str | None) -> None:
        """Write down what came of it; None: the service has taken it. Either is news, once."""
        event = "stopped" if problem is None else "attention"
        with self.transaction() as connection:
            want_notice(connection, action.account, action.job_id, event, action.rule)
            connection.execute(
                "UPDATE job_actions SET done = ?, problem = ? WHERE account = ? AND job_id = ? AND rule = ?",
                (problem is None, problem, action.account, action.job_id, action.rule),
            )

    def job_actions(self, account: str, job_id: str) -> list[JobAction]:
        """Return what was done to a job, oldest first."""
        rows = self.query(
            "SELECT * FROM job_actions WHERE account = ? AND job_id = ? ORDER BY at", (account, job_id)
        )
        return [_action(row) for row in rows]


def _action(row: sqlite3.Row) -> JobAction:
    return JobAction(
        row["account"], row["job_id"], row["rule"], row["action"], row["reason"], row["at"],
        bool(row["done"]), row["problem"],
    )  # fmt: skip
