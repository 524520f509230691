"""Tokens that were used, and so paid for: one row per answer and per finished job.

A table of its own, so that deleting a conversation does not make what it cost go away.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.store.database import Database

if TYPE_CHECKING:
    from tui.records.chats import Answer, Usage
    from tui.records.jobs import Job
    from tui.store.usage_rows import UsageTotal

_LARGEST = 2**63 - 1
_KEEP = """
INSERT INTO usage (account, kind, reference, model, created_at,
    prompt_tokens, completion_tokens, cached_tokens, trained_tokens)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (account, kind, reference) DO UPDATE SET model = excluded.model,
    created_at = excluded.created_at, prompt_tokens = excluded.prompt_tokens,
    completion_tokens = excluded.completion_tokens, cached_tokens = excluded.cached_tokens,
    trained_tokens = excluded.trained_tokens
"""


def keep_answer_usage(connection: sqlite3.Connection, answer: Answer) -> None:
    """Keep what an answer used, in the transaction that keeps the answer; again changes nothing."""
    # The model comes last: it is the only part that may hold a slash.
    reference = f"{answer.chat_id}/{answer.turn}/{answer.created_at}/{answer.model}"
    keep_usage(connection, answer.account, reference, answer.model, answer.created_at, answer.usage)


def keep_usage(
    connection: sqlite3.Connection, account: str, reference: str, model: str, created_at: int, used: Usage
) -> None:
    """Keep what any answer used under a reference of its own, in the transaction that keeps the answer."""
    from tui.store.usage_rows import UsageKind

    connection.execute(
        _KEEP,
        (account, UsageKind.CHAT, reference, model, created_at,
         used.prompt_tokens, used.completion_tokens, used.cached_tokens, 0),
    )  # fmt: skip


def keep_job_usage(connection: sqlite3.Connection, job: Job) -> None:
    """Keep what a final job trained, dated by its end, in the transaction that keeps the job.

    A job that is not final, or that tells of no trained tokens, has used nothing yet.
    """
    if not job.state.is_final or not job.trained_tokens or job.trained_tokens < 0:
        return
    from tui.store.usage_rows import UsageKind

    ended_at = job.created_at if job.finished_at is None else job.finished_at
    when = None if ended_at is None else max(-_LARGEST, min(_LARGEST, ended_at))
    trained = min(_LARGEST, job.trained_tokens)
    connection.execute(_KEEP, (job.account, UsageKind.TRAINING, job.id, job.model, when, 0, 0, 0, trained))


class UsageQueries(Database):
    """The part of the store about tokens used."""

    def usage(self, since: int | None = None) -> list[UsageTotal]:
        """Return the tokens that chats and jobs have used, by account, kind and model.

        Args:
            since: Only what was used at this Unix second or later; None for all.
        """
        from tui.store.usage_rows import UsageKind, UsageTotal

        # sum() fails beyond 64 bits, which a service that tells nonsense would reach; total() does not.
        rows = self.query(
            "SELECT account, kind, model, count(*) AS uses, CAST(total(prompt_tokens) AS INTEGER) AS prompt,"
            " CAST(total(completion_tokens) AS INTEGER) AS completion,"
            " CAST(total(cached_tokens) AS INTEGER) AS cached,"
            " CAST(total(trained_tokens) AS INTEGER) AS trained"
            " FROM usage WHERE :since IS NULL OR created_at >= :since"
            " GROUP BY account, kind, model ORDER BY account, kind, model",
            {"since": since},
        )
        return [
            UsageTotal(row["account"], UsageKind(row["kind"]), row["model"], row["uses"], row["prompt"],
                       row["completion"], row["cached"], row["trained"])
            for row in rows
        ]  # fmt: skip

    def trained_since(self, since: int) -> list[tuple[str, str, str, int]]:
        """Return (account, model, method, trained tokens) of jobs that ended at this Unix second or later."""
        rows = self.query(
            "SELECT u.account, u.model, coalesce(j.method, 'supervised') AS method, u.trained_tokens"
            " FROM usage u LEFT JOIN jobs j ON j.account = u.account AND j.id = u.reference"
            " WHERE u.kind = 'training' AND u.created_at >= ?",
            (since,),
        )
        return [(row["account"], row["model"], row["method"], row["trained_tokens"]) for row in rows]

    def untold_jobs_since(self, since: int, without: Sequence[str], limit: int) -> list[tuple[str, str]]:
        """Return (account, id) of jobs whose service has not told what they trained, newest first.

        Args:
            since: Only those that go on, or that ended at this Unix second or later.
            without: Accounts that are left out.
            limit: Most of them.
        """
        rows = self.query(
            "SELECT account, id FROM jobs WHERE NOT (final AND coalesce(trained_tokens, 0) > 0)"
            " AND (NOT final OR coalesce(finished_at, created_at) >= ?)"
            " AND account NOT IN (SELECT value FROM json_each(?)) ORDER BY created_at DESC LIMIT ?",
            (since, json.dumps(list(without)), limit),
        )
        return [(row["account"], row["id"]) for row in rows]

    def succeeded_jobs(self) -> dict[str, int]:
        """Return how many jobs have succeeded, by account."""
        rows = self.query(
            "SELECT account, count(*) AS jobs FROM jobs WHERE state = 'succeeded' GROUP BY account"
        )
        return {row["account"]: row["jobs"] for row in rows}
