"""Datasets and their reports, files that services hold, and confirmed launches."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tui.records.jobs import RemoteFile
from tui.store.database import Database
from tui.store.rows import DatasetRecord, LaunchRecord, LaunchState


class DatasetQueries(Database):
    """The part of the store about datasets and what was launched with them."""

    def touch_dataset(
        self,
        path: Path,
        *,
        sha256: str,
        size: int,
        rows: int,
        format: str,  # noqa: A002 - the column's name
        valid: bool,
        counts: Mapping[str, int],
    ) -> None:
        """Remember that a dataset was looked at, and what was found; called again, it comes to the top."""
        path = path.absolute()
        with self.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO datasets VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (str(path), sha256, size, _modified(path), rows, str(format), valid,
                 json.dumps(dict(counts)), time.time_ns() // 1_000_000),
            )  # fmt: skip

    def recent_datasets(self, limit: int = 20) -> list[DatasetRecord]:
        """Return datasets, the last one looked at first; the files may be gone."""
        rows = self.query("SELECT * FROM datasets ORDER BY opened_at DESC LIMIT ?", (limit,))
        return [_dataset(row) for row in rows]

    def dataset(self, path: Path) -> DatasetRecord | None:
        """Return what is known of the file at `path`; None when it was never checked or has changed since."""
        path = path.absolute()
        rows = self.query("SELECT * FROM datasets WHERE path = ?", (str(path),))
        if not rows or rows[0]["modified_ns"] != _modified(path) or rows[0]["bytes"] != _size(path):
            return None
        return _dataset(rows[0])

    def save_report(self, sha256: str, options_key: str, report: Mapping[str, Any]) -> None:
        """Keep a report as JSON under the content it is about and the options it was made with."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO reports VALUES (?, ?, ?, ?)",
                (sha256, options_key, json.dumps(report), int(time.time())),
            )

    def report(self, sha256: str, options_key: str) -> dict[str, Any] | None:
        """Return a kept report's JSON, or None."""
        rows = self.query(
            "SELECT report FROM reports WHERE sha256 = ? AND options_key = ?", (sha256, options_key)
        )
        report: dict[str, Any] | None = json.loads(rows[0]["report"]) if rows else None
        return report

    def reports_of(self, sha256: str) -> list[tuple[str, dict[str, Any]]]:
        """Return (options key, report's JSON) of every report kept about this content, newest first."""
        rows = self.query(
            "SELECT options_key, report FROM reports WHERE sha256 = ? ORDER BY made_at DESC", (sha256,)
        )
        return [(row["options_key"], json.loads(row["report"])) for row in rows]

    def content_of_file(self, account: str, file_id: str) -> str | None:
        """Return the SHA-256 of the content that went up as this file of a service, or None."""
        rows = self.query("SELECT sha256 FROM files WHERE account = ? AND id = ?", (account, file_id))
        return rows[0]["sha256"] if rows else None

    def remember_file(self, account: str, sha256: str, remote: RemoteFile) -> None:
        """Note that a service holds this content."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (account, remote.id, sha256, remote.filename, remote.bytes, remote.purpose,
                 remote.created_at, remote.status),
            )  # fmt: skip

    def remote_file(self, account: str, sha256: str) -> RemoteFile | None:
        """Return the newest file of a service with this content; it may have been deleted there since."""
        rows = self.query(
            "SELECT * FROM files WHERE account = ? AND sha256 = ?"
            " ORDER BY created_at DESC, rowid DESC LIMIT 1",
            (account, sha256),
        )
        if not rows:
            return None
        row = rows[0]
        return RemoteFile(
            row["id"], row["filename"], row["bytes"], row["purpose"], row["created_at"], row["status"]
        )

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
        """Note how far a launch has come; a job id once known stays."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE launches SET state = ?, job_id = coalesce(?, job_id), problem = ? WHERE run_id = ?",
                (str(state), job_id, problem, run_id),
            )

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

    def open_launches(self) -> list[LaunchRecord]:
        """Return launches whose request was sent but whose job is not known."""
        rows = self.query(
            "SELECT * FROM launches WHERE state IN (?, ?) ORDER BY created_at",
            (str(LaunchState.CREATING), str(LaunchState.UNKNOWN)),
        )
        return [_launch(row) for row in rows]


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _dataset(row: sqlite3.Row) -> DatasetRecord:
    return DatasetRecord(
        Path(row["path"]), row["sha256"], row["bytes"], row["rows"], row["format"], bool(row["valid"]),
        json.loads(row["counts"]), row["opened_at"] // 1000,
    )  # fmt: skip


def _launch(row: sqlite3.Row) -> LaunchRecord:
    return LaunchRecord(
        row["run_id"], row["account"], LaunchState(row["state"]), json.loads(row["request"]),
        row["fingerprint"], Path(row["dataset_path"]), row["dataset_sha256"], json.loads(row["price"]),
        row["job_id"], row["problem"], row["created_at"],
    )  # fmt: skip
