"""Datasets and their reports, and files that services hold."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.store.lists import StoreLists, dataset_of

if TYPE_CHECKING:
    from tui.records.requests import RemoteFile
    from tui.store.rows import DatasetRecord


class DatasetQueries(StoreLists):
    """The part of the store about datasets."""

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

    def dataset(self, path: Path) -> DatasetRecord | None:
        """Return what is known of the file at `path`; None when it was never checked or has changed since."""
        path = path.absolute()
        rows = self.query("SELECT * FROM datasets WHERE path = ?", (str(path),))
        if not rows or rows[0]["modified_ns"] != _modified(path) or rows[0]["bytes"] != _size(path):
            return None
        return dataset_of(rows[0])

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
        from tui.records.requests import RemoteFile  # Home paints without

        return RemoteFile(
            row["id"], row["filename"], row["bytes"], row["purpose"], row["created_at"], row["status"]
        )


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
