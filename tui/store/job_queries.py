"""Jobs and their checkpoints: kept as they arrive, keyed so that twice changes nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

from tui.records.jobs import Checkpoint, Job
from tui.store.archive_queries import want_archive
from tui.store.event_queries import fitting_integer, json_text
from tui.store.lists import JOB_COLUMNS, JOB_FIELDS, StoreLists, job_of
from tui.store.notice_queries import want_end_notice
from tui.store.usage_queries import keep_job_usage

_JOB_PLACES = ", ".join("?" * len(JOB_FIELDS))
_JOB_UPDATES = ", ".join(f"{name} = excluded.{name}" for name in JOB_FIELDS[2:])


class JobQueries(StoreLists):
    """The part of the store about jobs."""

    def save_job(self, job: Job) -> bool:
        """Keep a job as a service described it; True when that is news.

        A final state is never overwritten by an older answer that arrives late.
        """
        values = _job_values(job)
        with self.transaction() as connection:
            before = connection.execute(
                f"SELECT {JOB_COLUMNS} FROM jobs WHERE account = ? AND id = ?", (job.account, job.id)
            ).fetchone()
            if before is not None and (tuple(before) == values or (before["final"] and not values[-1])):
                return False
            connection.execute(
                f"INSERT INTO jobs ({JOB_COLUMNS}, seen_at) VALUES ({_JOB_PLACES}, ?)"
                f" ON CONFLICT (account, id) DO UPDATE SET {_JOB_UPDATES}, seen_at = excluded.seen_at,"
                # A job that was given up as lost and turns up again has news to fetch.
                " archived = archived AND jobs.final AND excluded.final",
                (*values, int(time.time())),
            )
            keep_job_usage(connection, job)
            if before is not None and job.state.is_final and not before["final"]:
                want_archive(connection, job.account, job.id, int(time.time()))
                want_end_notice(connection, job.account, job.id, str(job.state))
        return True

    def job(self, account: str, job_id: str) -> Job | None:
        """Return one job, or None."""
        rows = self.query(f"SELECT {JOB_COLUMNS} FROM jobs WHERE account = ? AND id = ?", (account, job_id))
        return job_of(rows[0]) if rows else None

    def find_jobs(self, id_start: str) -> list[Job]:
        """Return jobs of any account whose id is, or begins with, `id_start`; an exact match comes alone."""
        rows = self.query(
            f"SELECT {JOB_COLUMNS} FROM jobs WHERE substr(id, 1, length(:start)) = :start",
            {"start": id_start},
        )
        jobs = [job_of(row) for row in rows]
        exact = [job for job in jobs if job.id == id_start]
        return exact or jobs

    def jobs_to_watch(self) -> list[Job]:
        """Return jobs that are not final, or whose last events, checkpoints and results are not kept yet."""
        rows = self.query(f"SELECT {JOB_COLUMNS} FROM jobs WHERE NOT archived ORDER BY created_at, rowid")
        return [job_of(row) for row in rows]

    def mark_archived(self, account: str, job_id: str) -> None:
        """Note that everything about this job is kept, so that nobody needs to ask again."""
        with self.transaction() as connection:
            connection.execute("UPDATE jobs SET archived = 1 WHERE account = ? AND id = ?", (account, job_id))

    def save_checkpoints(self, account: str, job_id: str, checkpoints: Iterable[Checkpoint]) -> None:
        """Keep a service's whole list of a job's checkpoints; those that it has dropped stay, as history."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE checkpoints SET listed = 0 WHERE account = ? AND job_id = ?", (account, job_id)
            )
            connection.executemany(
                "INSERT OR REPLACE INTO checkpoints"
                " (account, job_id, id, model, step, created_at, metrics, listed)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
                [
                    (
                        account,
                        job_id,
                        item.id,
                        item.model,
                        item.step,
                        item.created_at,
                        json_text(item.metrics),
                    )
                    for item in checkpoints
                ],
            )

    def checkpoints(self, account: str, job_id: str) -> list[Checkpoint]:
        """Return checkpoints, newest step first."""
        rows = self.query(
            "SELECT * FROM checkpoints WHERE account = ? AND job_id = ? ORDER BY step DESC, created_at DESC",
            (account, job_id),
        )
        return [
            Checkpoint(row["id"], job_id, row["model"], row["step"], row["created_at"],
                       json.loads(row["metrics"]), bool(row["listed"]))
            for row in rows
        ]  # fmt: skip


def _job_values(job: Job) -> tuple[Any, ...]:
    error = None
    if job.error is not None:
        error = json_text({"code": job.error.code, "message": job.error.message, "param": job.error.param})
    return (
        job.account, job.id, str(job.state), job.raw_status, job.model, str(job.method),
        *map(fitting_integer, (job.created_at, job.finished_at, job.estimated_finish)),
        job.fine_tuned_model, job.training_file, job.validation_file, json_text(list(job.result_files)),
        fitting_integer(job.trained_tokens), json_text(dict(job.hyperparameters)),
        fitting_integer(job.seed), job.suffix,
        json_text(dict(job.metadata)), error, json_text(dict(job.raw)), int(job.state.is_final),
    )  # fmt: skip
