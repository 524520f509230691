"""What a person says of models, which models were deleted, and what ties models to jobs and files."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tui.store.database import Database

if TYPE_CHECKING:  # Home paints without
    from tui.store.model_rows import JobOrigin, KeptCheckpoint

ModelKey = tuple[str, str]
"""(account, id) of a model."""


class ModelQueries(Database):
    """The part of the store about tags, notes and ancestry of models."""

    def tag_model(self, account: str, model: str, tags: Iterable[str]) -> None:
        """Add tags to a model; one it has already stays."""
        with self.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO model_tags VALUES (?, ?, ?)", [(account, model, tag) for tag in tags]
            )

    def untag_model(self, account: str, model: str, tags: Iterable[str]) -> None:
        """Take tags off a model; one it has not changes nothing."""
        with self.transaction() as connection:
            connection.executemany(
                "DELETE FROM model_tags WHERE account = ? AND model = ? AND tag = ?",
                [(account, model, tag) for tag in tags],
            )

    def model_tags(self) -> dict[ModelKey, tuple[str, ...]]:
        """Return the tags of every model that has some, in alphabetical order."""
        found: dict[ModelKey, tuple[str, ...]] = {}
        for row in self.query("SELECT account, model, tag FROM model_tags ORDER BY account, model, tag"):
            key = (row["account"], row["model"])
            found[key] = (*found.get(key, ()), row["tag"])
        return found

    def note_model(self, account: str, model: str, note: str) -> None:
        """Keep a note about a model in place of the one before; an empty one takes it away."""
        with self.transaction() as connection:
            if note:
                connection.execute(
                    "INSERT OR REPLACE INTO model_notes VALUES (?, ?, ?, ?)",
                    (account, model, note, int(time.time())),
                )
            else:
                connection.execute(
                    "DELETE FROM model_notes WHERE account = ? AND model = ?", (account, model)
                )

    def model_notes(self) -> dict[ModelKey, str]:
        """Return the note of every model that has one."""
        rows = self.query("SELECT account, model, note FROM model_notes")
        return {(row["account"], row["model"]): row["note"] for row in rows}

    def forget_model(self, account: str, model: str) -> None:
        """Take a model that its service deleted out of the list, and keep when; its job stays."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM models WHERE account = ? AND id = ?", (account, model))
            connection.execute(
                "INSERT OR REPLACE INTO deleted_models VALUES (?, ?, ?)", (account, model, int(time.time()))
            )

    def deleted_models(self) -> dict[ModelKey, int]:
        """Return the models that were deleted from here, with the Unix second."""
        rows = self.query("SELECT * FROM deleted_models")
        return {(row["account"], row["model"]): row["deleted_at"] for row in rows}

    def models_seen_at(self) -> dict[str, int]:
        """Return the Unix second at which each account's list of models was kept."""
        rows = self.query("SELECT account, max(seen_at) AS seen_at FROM models GROUP BY account")
        return {row["account"]: row["seen_at"] for row in rows}

    def all_checkpoints(self) -> list[KeptCheckpoint]:
        """Return the checkpoints of every job, oldest step first within a job."""
        from tui.store.model_rows import KeptCheckpoint

        rows = self.query(
            "SELECT account, job_id, model, step, created_at, metrics, listed FROM checkpoints"
            " ORDER BY account, job_id, step"
        )
        return [
            KeptCheckpoint(row["account"], row["job_id"], row["model"], row["step"], row["created_at"],
                           json.loads(row["metrics"]), bool(row["listed"]))
            for row in rows
        ]  # fmt: skip

    def job_origins(self) -> list[JobOrigin]:
        """Return every job as far as a model's ancestry needs it, oldest first."""
        from tui.store.model_rows import JobOrigin

        rows = self.query(
            "SELECT j.account, j.id, j.state, j.model, j.method, j.created_at, j.finished_at,"
            " j.fine_tuned_model, j.trained_tokens, j.suffix, l.dataset_path,"
            " coalesce(l.dataset_sha256, f.sha256) AS sha256, f.filename"
            " FROM jobs j LEFT JOIN files f ON f.account = j.account AND f.id = j.training_file"
            " LEFT JOIN launches l ON l.account = j.account AND l.job_id = j.id"
            " ORDER BY j.created_at, j.rowid"
        )
        return [
            JobOrigin(row["account"], row["id"], row["state"], row["model"], row["method"], row["created_at"],
                      row["finished_at"], row["fine_tuned_model"], row["trained_tokens"], row["suffix"],
                      row["sha256"], row["dataset_path"] or row["filename"])
            for row in rows
        ]  # fmt: skip
