"""What Home lists, and nothing else: all that the first paint needs of the store."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from tui.records.jobs import Job, JobError, JobState, Method
from tui.records.models import ModelInfo
from tui.store.database import Database
from tui.store.rows import DatasetRecord

JOB_FIELDS = (
    "account", "id", "state", "raw_status", "model", "method", "created_at", "finished_at",
    "estimated_finish",
    "fine_tuned_model", "training_file", "validation_file", "result_files", "trained_tokens",
    "hyperparameters", "seed", "suffix", "metadata", "error", "raw", "final",
)  # fmt: skip
"""Columns that a job is made from."""
JOB_COLUMNS = ", ".join(JOB_FIELDS)


class StoreLists(Database):
    """The part of the store that lists jobs, datasets and models; the rest is loaded without hurry."""

    def jobs(self, account: str | None = None, active_only: bool = False, limit: int = 200) -> list[Job]:
        """Return jobs, newest first.

        Args:
            account: Only this account's.
            active_only: Only those that may still change.
            limit: Most jobs.
        """
        rows = self.query(
            f"SELECT {JOB_COLUMNS} FROM jobs WHERE (:account IS NULL OR account = :account)"
            " AND NOT (:active_only AND (final OR archived))"
            " ORDER BY created_at DESC, rowid DESC LIMIT :limit",
            {"account": account, "active_only": active_only, "limit": limit},
        )
        return [job_of(row) for row in rows]

    def recent_datasets(self, limit: int = 20) -> list[DatasetRecord]:
        """Return datasets, the last one looked at first; the files may be gone."""
        rows = self.query("SELECT * FROM datasets ORDER BY opened_at DESC LIMIT ?", (limit,))
        return [dataset_of(row) for row in rows]

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


def job_of(row: sqlite3.Row) -> Job:
    """Return the job that a row of `JOB_COLUMNS` holds."""
    error = json.loads(row["error"]) if row["error"] else None
    return Job(
        account=row["account"], id=row["id"], state=JobState(row["state"]), raw_status=row["raw_status"],
        model=row["model"], method=Method(row["method"]), created_at=row["created_at"],
        finished_at=row["finished_at"], estimated_finish=row["estimated_finish"],
        fine_tuned_model=row["fine_tuned_model"], training_file=row["training_file"],
        validation_file=row["validation_file"], result_files=tuple(json.loads(row["result_files"])),
        trained_tokens=row["trained_tokens"], hyperparameters=json.loads(row["hyperparameters"]),
        seed=row["seed"], suffix=row["suffix"], metadata=json.loads(row["metadata"]),
        error=JobError(**error) if error else None, raw=json.loads(row["raw"]),
    )  # fmt: skip


def dataset_of(row: sqlite3.Row) -> DatasetRecord:
    """Return the dataset that a whole row holds."""
    return DatasetRecord(
        Path(row["path"]), row["sha256"], row["bytes"], row["rows"], row["format"], bool(row["valid"]),
        json.loads(row["counts"]), row["opened_at"] // 1000,
    )  # fmt: skip
