"""Confirmed launches: written down before anything is sent, so that nothing is created twice."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tui.store.database import Database

if TYPE_CHECKING:  # what a launch is made of is loaded with the first one: Home paints without
    from tui.store.launch_rows import LaunchRecord, LaunchState, QueuedLaunch


class LaunchQueries(Database):
    """The part of the store about what was confirmed and what came of it."""

    def claim_launch(self, launch: LaunchRecord) -> bool:
        """Write a confirmation down before anything is sent; False when its run id was claimed before."""
        with self.transaction() as connection:
            cursor = connection.execute(
                "INSERT OR IGNORE INTO launches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (launch.run_id, launch.account, str(launch.state), json.dumps(launch.request),
                 launch.fingerprint, str(launch.dataset_path), launch.dataset_sha256,
                 json.dumps(launch.price), launch.job_id, launch.problem, launch.created_at),
            )  # fmt: skip
            return cursor.rowcount == 1

    def begin_creating(self, run_id: str) -> bool:
        """Pass from "preparing" (or a definite refusal) to "creating"; True for one caller only.

        False too while another launch that asks for the same is "creating" or "unknown".
        """
        from tui.store.launch_rows import LaunchState

        sent, unknown = str(LaunchState.CREATING), str(LaunchState.UNKNOWN)
        with self.transaction() as connection:
            cursor = connection.execute(
                "UPDATE launches SET state = ?, problem = NULL, created_at = ?"
                " WHERE run_id = ? AND state IN (?, ?) AND NOT EXISTS (SELECT 1 FROM launches AS other"
                " WHERE other.account = launches.account AND other.fingerprint = launches.fingerprint"
                " AND other.run_id <> launches.run_id AND other.state IN (?, ?))",
                (sent, int(time.time()), run_id, str(LaunchState.PREPARING), str(LaunchState.REFUSED),
                 sent, unknown),
            )  # fmt: skip
            return cursor.rowcount == 1

    def update_launch(
        self, run_id: str, state: LaunchState, *, job_id: str | None = None, problem: str | None = None
    ) -> None:
        """Note how far a launch has come; a job id once known stays, and gets the launch's stop rules."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE launches SET state = ?, job_id = coalesce(?, job_id), problem = ? WHERE run_id = ?",
                (str(state), job_id, problem, run_id),
            )
            if job_id is not None:
                _keep_stop_rules(connection, run_id)

    def settle_launch(
        self, run_id: str, state: LaunchState, *, job_id: str | None = None, problem: str | None = None
    ) -> bool:
        """Say what became of a launch whose answer was lost; False when that is known already."""
        from tui.store.launch_rows import LaunchState

        with self.transaction() as connection:
            cursor = connection.execute(
                "UPDATE launches SET state = ?, job_id = ?, problem = ? WHERE run_id = ? AND state IN (?, ?)",
                (str(state), job_id, problem, run_id, str(LaunchState.CREATING), str(LaunchState.UNKNOWN)),
            )
            if cursor.rowcount == 1 and job_id is not None:
                _keep_stop_rules(connection, run_id)
            return cursor.rowcount == 1

    def launch(self, run_id: str) -> LaunchRecord | None:
        """Return one launch by its run id, or None."""
        rows = self.query("SELECT * FROM launches WHERE run_id = ?", (run_id,))
        return _launch(rows[0]) if rows else None

    def launch_of_job(self, account: str, job_id: str) -> LaunchRecord | None:
        """Return the launch that made a job, or None when it was made elsewhere."""
        rows = self.query("SELECT * FROM launches WHERE account = ? AND job_id = ?", (account, job_id))
        return _launch(rows[0]) if rows else None

    def launches_like(self, account: str, fingerprint: str) -> list[LaunchRecord]:
        """Return earlier launches with the same data, model and parameters, newest first."""
        rows = self.query(
            "SELECT * FROM launches WHERE account = ? AND fingerprint = ? ORDER BY created_at DESC",
            (account, fingerprint),
        )
        return [_launch(row) for row in rows]

    def launches_without_job(self, run_id: str) -> list[LaunchRecord]:
        """Return launches that were refused or never sent and whose run id begins so, newest first."""
        from tui.store.launch_rows import LaunchState

        rows = self.query(
            "SELECT * FROM launches WHERE substr(run_id, 1, ?) = ? AND job_id IS NULL AND state IN (?, ?)"
            " ORDER BY created_at DESC",
            (len(run_id), run_id, str(LaunchState.REFUSED), str(LaunchState.PREPARING)),
        )
        return [_launch(row) for row in rows]

    def open_launches(self) -> list[LaunchRecord]:
        """Return launches whose request was sent but whose job is not known."""
        from tui.store.launch_rows import LaunchState

        rows = self.query(
            "SELECT * FROM launches WHERE state IN (?, ?) ORDER BY created_at",
            (str(LaunchState.CREATING), str(LaunchState.UNKNOWN)),
        )
        return [_launch(row) for row in rows]

    def queue_launch(
        self, run_id: str, due_at: int, *, priority: int | None = None, is_wished: bool = False
    ) -> None:
        """Let a launch wait until then, behind the others; one that waits already keeps its place.

        Args:
            run_id: The launch.
            due_at: Unix second.
            priority: None leaves it as it is: normal for a new one.
            is_wished: A person wants it to wait.
        """
        with self.transaction() as connection:
            connection.execute(
                "INSERT INTO launch_queue (run_id, due_at, priority, position, wished)"
                " VALUES (?, ?, coalesce(?, 0), (SELECT coalesce(max(position), 0) + 1 FROM launch_queue), ?)"
                " ON CONFLICT (run_id) DO UPDATE SET due_at = excluded.due_at,"
                " priority = coalesce(?, priority), wished = excluded.wished",
                (run_id, due_at, priority, is_wished, priority),
            )

    def reorder_queue(self, run_ids: Sequence[str]) -> None:
        """Let the launches named go first, in this order; the others follow as before."""
        with self.transaction() as connection:
            connection.execute("UPDATE launch_queue SET position = position + ?", (len(run_ids),))
            connection.executemany(
                "UPDATE launch_queue SET position = ? WHERE run_id = ?",
                [(place, run_id) for place, run_id in enumerate(run_ids, 1)],
            )

    def unqueue_launch(self, run_id: str) -> None:
        """Let a launch wait no longer."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM launch_queue WHERE run_id = ?", (run_id,))

    def lease_queued(self, queued: QueuedLaunch, until: int) -> bool:
        """Put a queued launch off while it is being sent; True for one caller only."""
        with self.transaction() as connection:
            cursor = connection.execute(
                "UPDATE launch_queue SET due_at = ? WHERE run_id = ? AND due_at = ?",
                (until, queued.record.run_id, queued.due_at),
            )
            return cursor.rowcount == 1

    def queued_launches(self) -> list[QueuedLaunch]:
        """Return the launches that wait, in the order in which they go when all may."""
        rows = self.query(
            "SELECT launches.*, due_at, priority, position, wished"
            " FROM launch_queue JOIN launches USING (run_id) ORDER BY priority DESC, position, due_at, run_id"
        )
        if not rows:
            return []
        from tui.store.launch_rows import QueuedLaunch

        return [
            QueuedLaunch(_launch(row), row["due_at"], row["priority"], row["position"], bool(row["wished"]))
            for row in rows
        ]


def _keep_stop_rules(connection: sqlite3.Connection, run_id: str) -> None:
    """Give a job the rules that were confirmed with its launch, unless it has got others meanwhile."""
    row = connection.execute(
        "SELECT account, job_id, request FROM launches WHERE run_id = ?", (run_id,)
    ).fetchone()
    rules = json.loads(row["request"]).get("stop_rules") if row is not None else None
    if rules:
        connection.execute(
            "INSERT OR IGNORE INTO stop_rules VALUES (?, ?, ?)", (row["account"], row["job_id"], rules)
        )


def _launch(row: sqlite3.Row) -> LaunchRecord:
    from tui.store.launch_rows import LaunchRecord, LaunchState

    return LaunchRecord(
        row["run_id"], row["account"], LaunchState(row["state"]), json.loads(row["request"]),
        row["fingerprint"], Path(row["dataset_path"]), row["dataset_sha256"], json.loads(row["price"]),
        row["job_id"], row["problem"], row["created_at"],
    )  # fmt: skip
