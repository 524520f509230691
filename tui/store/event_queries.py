"""Events and numbers of jobs: kept as they arrive, keyed so that twice changes nothing.

Jobs and metrics are numbered: 500 jobs of 5,000 events with their names in every row took 1.3 GB, with
numbers 0.8 GB (benchmarks/many_jobs.py, November 2026).
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tui.records.jobs import JobEvent
from tui.store.database import Database

_LARGEST = 2**63 - 1
_OUTLINE_POINTS = 64
"""Points of an outline: more than any list has columns for a curve."""
_NUMBER_OF_JOB = "(SELECT number FROM job_numbers WHERE account = ? AND job_id = ?)"


@dataclass(frozen=True, slots=True)
class JobOutline:
    """What a list of jobs shows of a job's numbers."""

    losses: tuple[float, ...] = ()
    """Training loss in order of steps, thinned to the largest of each stretch, so that spikes stay."""
    last_loss: float | None = None
    last_step: int | None = None
    """Of the newest training loss."""


class EventQueries(Database):
    """The part of the store about what happened in jobs."""

    def add_events(self, account: str, job_id: str, events: Iterable[JobEvent]) -> list[JobEvent]:
        """Keep events, oldest first, and return only those that were new; metrics are filed by step too."""
        new: list[JobEvent] = []
        with self.transaction() as connection:
            job = _number_of_job(connection, account, job_id)
            for event in events:
                cursor = connection.execute(
                    "INSERT OR IGNORE INTO job_events (job, id, created_at, level, message, type, data)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (job, event.id, fitting_integer(event.created_at), event.level, event.message,
                     event.type, json_text(event.data)),
                )  # fmt: skip
                if cursor.rowcount:
                    new.append(event)
                    _insert_metrics(connection, job, event.data)
        return new

    def events(self, account: str, job_id: str, after_rowid: int = 0) -> list[JobEvent]:
        """Return events in the order they happened."""
        return [event for _, event in self.event_rows(account, job_id, after_rowid)]

    def event_rows(self, account: str, job_id: str, after_rowid: int = 0) -> list[tuple[int, JobEvent]]:
        """Return (row number, event) in the order they happened; pass the largest number to the next call."""
        rows = self.query(
            f"SELECT * FROM job_events WHERE job = {_NUMBER_OF_JOB} AND number > ?"
            " ORDER BY created_at, number",
            (account, job_id, after_rowid),
        )
        return [(row["number"], _event(row, job_id)) for row in rows]

    def recent_metrics_events(self, account: str, job_id: str, limit: int = 20) -> list[JobEvent]:
        """Return the newest events with numbers, in the order they happened."""
        rows = self.query(
            f"SELECT * FROM job_events WHERE job = {_NUMBER_OF_JOB} AND type = 'metrics'"
            " ORDER BY created_at DESC, number DESC LIMIT ?",
            (account, job_id, limit),
        )
        return [_event(row, job_id) for row in reversed(rows)]

    def cost_events(self, account: str, job_id: str, limit: int = 20) -> list[JobEvent]:
        """Return the events that tell how far a job is and since when, few of many, in their order.

        These are the first one with numbers, the newest ones with numbers, and the newest of any other kind.
        """
        rows = self.query(
            "SELECT * FROM job_events WHERE number IN ("
            f" SELECT min(number) FROM job_events WHERE job = {_NUMBER_OF_JOB} AND type = 'metrics'"
            f" UNION SELECT * FROM (SELECT number FROM job_events WHERE job = {_NUMBER_OF_JOB}"
            " AND type = 'metrics' ORDER BY created_at DESC, number DESC LIMIT ?)"
            f" UNION SELECT max(number) FROM job_events WHERE job = {_NUMBER_OF_JOB} GROUP BY type"
            ") ORDER BY created_at, number",
            (account, job_id, account, job_id, limit, account, job_id),
        )
        return [_event(row, job_id) for row in rows]

    def last_event_id(self, account: str, job_id: str) -> str | None:
        """Return the id of the newest event kept, for asking a service what came after it."""
        rows = self.query(
            f"SELECT id FROM job_events WHERE job = {_NUMBER_OF_JOB} ORDER BY number DESC LIMIT 1",
            (account, job_id),
        )
        return rows[0]["id"] if rows else None

    def add_metrics(self, account: str, job_id: str, steps: Mapping[int, Mapping[str, float]]) -> None:
        """Keep metrics of a result file: step -> name -> value; a step seen before is completed."""
        with self.transaction() as connection:
            job = _number_of_job(connection, account, job_id)
            for step, values in steps.items():
                _insert_metrics(connection, job, {"step": step, **values})

    def metrics(self, account: str, job_id: str) -> dict[int, dict[str, float]]:
        """Return step -> name -> value in order of steps, from events and result file together."""
        rows = self.query(
            "SELECT step, metric_names.name, value FROM job_metrics"
            " JOIN metric_names ON metric_names.number = job_metrics.name"
            f" WHERE job = {_NUMBER_OF_JOB} ORDER BY step",
            (account, job_id),
        )
        steps: dict[int, dict[str, float]] = {}
        for row in rows:
            steps.setdefault(row["step"], {})[row["name"]] = row["value"]
        return steps

    def job_outline(self, account: str, job_id: str) -> JobOutline:
        """Return what a list shows of a job's numbers; counted once until there are new ones."""
        rows = self.query(f"SELECT outline FROM job_outlines WHERE job = {_NUMBER_OF_JOB}", (account, job_id))
        if rows:
            losses, last_loss, last_step = json.loads(rows[0]["outline"])
            return JobOutline(tuple(losses), last_loss, last_step)
        with self.transaction() as connection:
            job = _number_of_job(connection, account, job_id)
            outline = _outline(connection, job)
            kept = json.dumps([outline.losses, outline.last_loss, outline.last_step])
            connection.execute("INSERT OR REPLACE INTO job_outlines VALUES (?, ?)", (job, kept))
        return outline

    def training_rates(self, account: str, limit: int = 5) -> list[float]:
        """Return trained tokens per second of the account's last succeeded jobs, newest first.

        The clock runs from the first metrics event to the last, so queueing and loading don't count; the
        first step's own time is added back by proportion.
        """
        rows = self.query(
            "SELECT trained_tokens, count(*) AS steps, max(e.created_at) - min(e.created_at) AS seconds"
            " FROM jobs j JOIN job_numbers n ON n.account = j.account AND n.job_id = j.id"
            " JOIN job_events e ON e.job = n.number AND e.type = 'metrics'"
            " WHERE j.account = ? AND j.state = 'succeeded' AND j.trained_tokens > 0"
            " GROUP BY j.id ORDER BY j.finished_at DESC LIMIT ?",
            (account, limit),
        )
        return [
            row["trained_tokens"] * (row["steps"] - 1) / row["steps"] / row["seconds"]
            for row in rows
            if row["steps"] > 1 and row["seconds"] > 0
        ]


def _number_of_job(connection: sqlite3.Connection, account: str, job_id: str) -> int:
    """Return the number that stands for a job in its rows, given when it is first needed."""
    connection.execute("INSERT OR IGNORE INTO job_numbers (account, job_id) VALUES (?, ?)", (account, job_id))
    row = connection.execute(
        "SELECT number FROM job_numbers WHERE account = ? AND job_id = ?", (account, job_id)
    ).fetchone()
    return int(row["number"])


def _outline(connection: sqlite3.Connection, job: int) -> JobOutline:
    points = connection.execute(
        "SELECT step, value FROM job_metrics WHERE job = ?"
        " AND name = (SELECT number FROM metric_names WHERE name = 'train_loss') ORDER BY step",
        (job,),
    ).fetchall()
    if not points:
        return JobOutline()
    values = [row["value"] for row in points]
    width = min(_OUTLINE_POINTS, len(values))
    stretches = (values[at * len(values) // width : (at + 1) * len(values) // width] for at in range(width))
    return JobOutline(tuple(max(stretch) for stretch in stretches), values[-1], points[-1]["step"])


def _insert_metrics(connection: sqlite3.Connection, job: int, data: Mapping[str, Any]) -> None:
    step = data.get("step")
    if not isinstance(step, int) or isinstance(step, bool) or abs(step) > _LARGEST:
        return
    values = {
        name: float(value)
        for name, value in data.items()
        if name not in ("step", "total_steps") and _is_number(value)
    }
    if not values:
        return
    names = [(name,) for name in values]
    connection.executemany("INSERT OR IGNORE INTO metric_names (name) VALUES (?)", names)
    connection.executemany(
        "INSERT OR REPLACE INTO job_metrics SELECT ?, number, ?, ? FROM metric_names WHERE name = ?",
        [(job, step, value, name) for name, value in values.items()],
    )
    connection.execute("DELETE FROM job_outlines WHERE job = ?", (job,))


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 1e300


def fitting_integer(value: int | None) -> int | None:
    """Return a number of a service as near as SQLite can keep it."""
    return None if value is None else max(-_LARGEST, min(_LARGEST, value))


def json_text(value: Any) -> str:
    """Return a value of a service as JSON in ASCII, so that unpaired surrogates survive SQLite's UTF-8."""
    return json.dumps(value, sort_keys=True, default=str)


def _event(row: sqlite3.Row, job_id: str) -> JobEvent:
    return JobEvent(
        row["id"], job_id, row["created_at"], row["level"], row["message"], row["type"],
        json.loads(row["data"]),
    )  # fmt: skip
