"""Which ended jobs are still to be copied out, and where those that were lie."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from tui.store.database import Database

ARCHIVED_TRAINING = "training.jsonl"
"""The training file in the folder of a copy."""


@dataclass(frozen=True, slots=True)
class ArchiveNote:
    """How far the copy of a job is."""

    account: str
    job_id: str
    folder: str | None
    """Where the whole copy lies; None as long as there is none."""
    problem: str | None
    """Why the last attempt failed."""
    due_at: int | None
    """Unix second of the next attempt; None when none is due."""


class ArchiveQueries(Database):
    """The part of the store about copies of ended jobs."""

    def archives_due(self, now: int) -> list[ArchiveNote]:
        """Return ended jobs of which everything is kept and that are to be copied by now, oldest first."""
        rows = self.query(
            "SELECT archives.* FROM archives JOIN jobs ON jobs.account = archives.account"
            " AND jobs.id = archives.job_id WHERE jobs.archived AND archives.due_at <= ?"
            " ORDER BY archives.due_at",
            (now,),
        )
        return [_note(row) for row in rows]

    def archive_note(self, account: str, job_id: str) -> ArchiveNote | None:
        """Return what is known of a job's copy, or None when none was asked for."""
        rows = self.query("SELECT * FROM archives WHERE account = ? AND job_id = ?", (account, job_id))
        return _note(rows[0]) if rows else None

    def lease_archive(self, note: ArchiveNote, until: int) -> bool:
        """Put a copy off while it is being made; True for one caller only."""
        with self.transaction() as connection:
            cursor = connection.execute(
                "UPDATE archives SET due_at = ? WHERE account = ? AND job_id = ? AND due_at = ?",
                (until, note.account, note.job_id, note.due_at),
            )
            return cursor.rowcount == 1

    def note_archive(self, note: ArchiveNote) -> None:
        """Keep how far a copy is."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO archives VALUES (?, ?, ?, ?, ?)",
                (note.account, note.job_id, note.folder, note.problem, note.due_at),
            )


def want_archive(connection: sqlite3.Connection, account: str, job_id: str, now: int) -> None:
    """Note within a transaction that a job has ended and is to be copied; twice changes nothing."""
    connection.execute("INSERT OR IGNORE INTO archives VALUES (?, ?, NULL, NULL, ?)", (account, job_id, now))


def _note(row: sqlite3.Row) -> ArchiveNote:
    return ArchiveNote(row["account"], row["job_id"], row["folder"], row["problem"], row["due_at"])
