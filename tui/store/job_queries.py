"""Jobs, their events, metrics and checkpoints: kept as they arrive, keyed so that twice changes nothing."""

from __future__ import annotations

import json
import math
import sqlite3
import time
from collections.abc import Iterable, Mapping
from typing import Any

from tui.records.jobs import Checkpoint, Job, JobError, JobEvent, JobState, Method
from tui.store.archive_queries import want_archive
from tui.store.database import Database
from tui.store.usage_queries import keep_job_usage

_JOB_FIELDS = (
    "account", "id", "state", "raw_status", "model", "method", "created_at", "finished_at",
    "estimated_finish",
    "fine_tuned_model", "training_file", "validation_file", "result_files", "trained_tokens",
    "hyperparameters", "seed", "suffix", "metadata", "error", "raw", "final",
)  # fmt: skip
_JOB_COLUMNS = ", ".join(_JOB_FIELDS)
_JOB_PLACES = ", ".join("?" * len(_JOB_FIELDS))
_JOB_UPDATES = ", ".join(f"{name} = excluded.{name}" for name in _JOB_FIELDS[2:])
_LARGEST = 2**63 - 1


class JobQueries(Database):
    """The part of the store about jobs."""

    def save_job(self, job: Job) -> bool:
        """Keep a job as a service described it; True when that is news.

        A final state is never overwritten by an older answer that arrives late.
        """
        values = _job_values(job)
        with self.transaction() as connection:
            before = connection.execute(
                f"SELECT {_JOB_COLUMNS} FROM jobs WHERE account = ? AND id = ?", (job.account, job.id)
            ).fetchone()
            if before is not None and (tuple(before) == values or (before["final"] and not values[-1])):
                return False
            connection.execute(
                f"INSERT INTO jobs ({_JOB_COLUMNS}, seen_at) VALUES ({_JOB_PLACES}, ?)"
                f" ON CONFLICT (account, id) DO UPDATE SET {_JOB_UPDATES}, seen_at = excluded.seen_at,"
                # A job that was given up as lost and turns up again has news to fetch.
                " archived = archived AND jobs.final AND excluded.final",
                (*values, int(time.time())),
            )
            keep_job_usage(connection, job)
            if before is not None and job.state.is_final and not before["final"]:
                want_archive(connection, job.account, job.id, int(time.time()))
        return True

    def job(self, account: str, job_id: str) -> Job | None:
        """Return one job, or None."""
        rows = self.query(f"SELECT {_JOB_COLUMNS} FROM jobs WHERE account = ? AND id = ?", (account, job_id))
        return _job(rows[0]) if rows else None

    def jobs(self, account: str | None = None, active_only: bool = False, limit: int = 200) -> list[Job]:
        """Return jobs, newest first.

        Args:
            account: Only this account's.
            active_only: Only those that may still change.
            limit: Most jobs.
        """
        rows = self.query(
            f"SELECT {_JOB_COLUMNS} FROM jobs WHERE (:account IS NULL OR account = :account)"
            " AND NOT (:active_only AND (final OR archived))"
            " ORDER BY created_at DESC, rowid DESC LIMIT :limit",
            {"account": account, "active_only": active_only, "limit": limit},
        )
        return [_job(row) for row in rows]

    def find_jobs(self, id_start: str) -> list[Job]:
        """Return jobs of any account whose id is, or begins with, `id_start`; an exact match comes alone."""
        rows = self.query(
            f"SELECT {_JOB_COLUMNS} FROM jobs WHERE substr(id, 1, length(:start)) = :start",
            {"start": id_start},
        )
        jobs = [_job(row) for row in rows]
        exact = [job for job in jobs if job.id == id_start]
        return exact or jobs

    def jobs_to_watch(self) -> list[Job]:
        """Return jobs that are not final, or whose last events, checkpoints and results are not kept yet."""
        rows = self.query(f"SELECT {_JOB_COLUMNS} FROM jobs WHERE NOT archived ORDER BY created_at, rowid")
        return [_job(row) for row in rows]

    def mark_archived(self, account: str, job_id: str) -> None:
        """Note that everything about this job is kept, so that nobody needs to ask again."""
        with self.transaction() as connection:
            connection.execute("UPDATE jobs SET archived = 1 WHERE account = ? AND id = ?", (account, job_id))

    def add_events(self, account: str, job_id: str, events: Iterable[JobEvent]) -> list[JobEvent]:
        """Keep events, oldest first, and return only those that were new; metrics are filed by step too."""
        new: list[JobEvent] = []
        with self.transaction() as connection:
            for event in events:
                cursor = connection.execute(
                    "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (account, job_id, event.id, _integer(event.created_at), event.level, event.message,
                     event.type, _json(event.data)),
                )  # fmt: skip
                if cursor.rowcount:
                    new.append(event)
                    _insert_metrics(connection, account, job_id, event.data)
        return new

    def events(self, account: str, job_id: str, after_rowid: int = 0) -> list[JobEvent]:
        """Return events in the order they happened."""
        return [event for _, event in self.event_rows(account, job_id, after_rowid)]

    def event_rows(self, account: str, job_id: str, after_rowid: int = 0) -> list[tuple[int, JobEvent]]:
        """Return (row number, event) in the order they happened; pass the largest number to the next call."""
        rows = self.query(
            "SELECT rowid, * FROM events WHERE account = ? AND job_id = ? AND rowid > ?"
            " ORDER BY created_at, rowid",
            (account, job_id, after_rowid),
        )
        return [(row["rowid"], _event(row)) for row in rows]

    def last_event_id(self, account: str, job_id: str) -> str | None:
        """Return the id of the newest event kept, for asking a service what came after it."""
        rows = self.query(
            "SELECT id FROM events WHERE account = ? AND job_id = ? ORDER BY rowid DESC LIMIT 1",
            (account, job_id),
        )
        return rows[0]["id"] if rows else None

    def add_metrics(self, account: str, job_id: str, steps: Mapping[int, Mapping[str, float]]) -> None:
        """Keep metrics of a result file: step -> name -> value; a step seen before is completed."""
        with self.transaction() as connection:
            for step, values in steps.items():
                _insert_metrics(connection, account, job_id, {"step": step, **values})

    def metrics(self, account: str, job_id: str) -> dict[int, dict[str, float]]:
        """Return step -> name -> value in order of steps, from events and result file together."""
        rows = self.query(
            "SELECT step, name, value FROM metrics WHERE account = ? AND job_id = ? ORDER BY step",
            (account, job_id),
        )
        steps: dict[int, dict[str, float]] = {}
        for row in rows:
            steps.setdefault(row["step"], {})[row["name"]] = row["value"]
        return steps

    def save_checkpoints(self, account: str, job_id: str, checkpoints: Iterable[Checkpoint]) -> None:
        """Keep checkpoints; those that a service has dropped since stay, as history."""
        with self.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (account, job_id, item.id, item.model, item.step, item.created_at, _json(item.metrics))
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
                       json.loads(row["metrics"]))
            for row in rows
        ]  # fmt: skip

    def training_rates(self, account: str, limit: int = 5) -> list[float]:
        """Return trained tokens per second of the account's last succeeded jobs, newest first.

        The clock runs from the first metrics event to the last, so queueing and loading don't count; the
        first step's own time is added back by proportion.
        """
        rows = self.query(
            "SELECT trained_tokens, count(*) AS steps, max(e.created_at) - min(e.created_at) AS seconds"
            " FROM jobs j JOIN events e ON e.account = j.account AND e.job_id = j.id AND e.type = 'metrics'"
            " WHERE j.account = ? AND j.state = 'succeeded' AND j.trained_tokens > 0"
            " GROUP BY j.id ORDER BY j.finished_at DESC LIMIT ?",
            (account, limit),
        )
        return [
            row["trained_tokens"] * (row["steps"] - 1) / row["steps"] / row["seconds"]
            for row in rows
            if row["steps"] > 1 and row["seconds"] > 0
        ]


def _insert_metrics(
    connection: sqlite3.Connection, account: str, job_id: str, data: Mapping[str, Any]
) -> None:
    step = data.get("step")
    if not isinstance(step, int) or isinstance(step, bool) or abs(step) > _LARGEST:
        return
    connection.executemany(
        "INSERT OR REPLACE INTO metrics VALUES (?, ?, ?, ?, ?)",
        [
            (account, job_id, step, name, float(value))
            for name, value in data.items()
            if name not in ("step", "total_steps") and _is_number(value)
        ],
    )


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 1e300


def _integer(value: int | None) -> int | None:
    return None if value is None else max(-_LARGEST, min(_LARGEST, value))


def _json(value: Any) -> str:
    # ASCII, so that unpaired surrogates of foreign texts survive SQLite's UTF-8.
    return json.dumps(value, sort_keys=True, default=str)


def _job_values(job: Job) -> tuple[Any, ...]:
    error = None
    if job.error is not None:
        error = _json({"code": job.error.code, "message": job.error.message, "param": job.error.param})
    return (
        job.account, job.id, str(job.state), job.raw_status, job.model, str(job.method),
        _integer(job.created_at), _integer(job.finished_at), _integer(job.estimated_finish),
        job.fine_tuned_model, job.training_file, job.validation_file, _json(list(job.result_files)),
        _integer(job.trained_tokens), _json(dict(job.hyperparameters)), _integer(job.seed), job.suffix,
        _json(dict(job.metadata)), error, _json(dict(job.raw)), int(job.state.is_final),
    )  # fmt: skip


def _job(row: sqlite3.Row) -> Job:
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


def _event(row: sqlite3.Row) -> JobEvent:
    return JobEvent(
        row["id"], row["job_id"], row["created_at"], row["level"], row["message"], row["type"],
        json.loads(row["data"]),
    )  # fmt: skip
