"""All jobs of one engine, held in memory and written to their run folders before anyone is told."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tui.engine.api_errors import ApiError
from tui.engine.atomic_files import read_json_object, write_json_atomically
from tui.engine.run_folder import append_event
from tui.engine.server.event_log import EventLog
from tui.engine.server.identifiers import is_id
from tui.engine.server.job_record import JobRecord, record_from_json

_log = logging.getLogger(__name__)


class JobStore:
    """Jobs by id; every change goes through `change`, under one lock that routes and scheduler share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._logs: dict[str, EventLog] = {}
        self._records: dict[str, JobRecord] = {}
        self.changed = threading.Condition(threading.RLock())
        """Notified after each change."""
        for entry in folder.iterdir():
            if is_id("ftjob-", entry.name) and entry.is_dir():
                self._records[entry.name] = _load_record(entry)
            elif entry.name.startswith(".new-"):
                shutil.rmtree(entry, ignore_errors=True)

    @property
    def root(self) -> Path:
        """The folder of all run folders."""
        return self._folder

    def folder(self, job_id: str) -> Path:
        """Return the run folder of an existing job."""
        return self._folder / self.get(job_id).id

    def staging_folder(self, job_id: str) -> Path:
        """Return where a job's folder is put together before it exists."""
        return self._folder / f".new-{job_id}"

    def get(self, job_id: str) -> JobRecord:
        """Return a job.

        Raises:
            ApiError: 404 when there is none.
        """
        with self.changed:
            record = self._records.get(job_id)
        if record is None:
            raise ApiError(
                404,
                f"Could not find fine tune: {job_id[:80]}",
                param="fine_tune_id",
                code="fine_tune_not_found",
            )
        return record

    def all(self) -> list[JobRecord]:
        """Return all jobs, newest first."""
        with self.changed:
            return sorted(self._records.values(), key=lambda record: record.order, reverse=True)

    def add(self, record: JobRecord) -> None:
        """Let the job in the staging folder exist, with its record, in one step."""
        staging = self.staging_folder(record.id)
        write_json_atomically(staging / "job.json", record.as_json())
        staging.rename(self._folder / record.id)
        with self.changed:
            self._records[record.id] = record
            self.changed.notify_all()

    def change(
        self, job_id: str, edit: Callable[[JobRecord], None], *, even_unwritten: bool = False
    ) -> JobRecord:
        """Edit a job's record: written first, seen by others after.

        Args:
            job_id: An existing job.
            edit: Changes the copy it is given.
            even_unwritten: Keep the change in memory when the disk refuses it.

        Raises:
            OSError: The disk refused, and nothing has changed.
        """
        with self.changed:
            record = replace(self.get(job_id))
            edit(record)
            try:
                write_json_atomically(self._folder / job_id / "job.json", record.as_json())
            except OSError:
                if not even_unwritten:
                    raise
                _log.exception("the state of %s could not be written", job_id)
            self._records[job_id] = record
            self.changed.notify_all()
            return record

    def events(self, job_id: str) -> list[dict[str, Any]]:
        """Return a job's events, oldest first."""
        folder = self.folder(job_id)
        with self.changed:
            log = self._logs.setdefault(job_id, EventLog(folder / "events.jsonl"))
        return log.events()

    def say(self, job_id: str, message: str, *, level: str = "info") -> None:
        """Append a message to a job's events."""
        append_event(self.folder(job_id), message, level=level)

    def say_once(self, job_id: str, message: str, *, level: str = "info") -> None:
        """Append a message unless it was said before, so that a restart repeats nothing."""
        if not any(event.get("message") == message for event in self.events(job_id)):
            self.say(job_id, message, level=level)

    def progress(self, job_id: str) -> dict[str, Any] | None:
        """Return the worker's progress.json, or None before there is one."""
        return read_json_object(self.folder(job_id) / "progress.json")


def _load_record(folder: Path) -> JobRecord:
    """Read job.json; a damaged one becomes a failed job that says so."""
    value = read_json_object(folder / "job.json")
    record = record_from_json(value) if value is not None else None
    if record is not None and record.id == folder.name:
        return record
    request = read_json_object(folder / "request.json") or {}
    status = folder.stat()
    return JobRecord(
        id=folder.name,
        created_at=int(status.st_mtime),
        order=status.st_mtime_ns,
        status="failed",
        model=str(request.get("model", "unknown")),
        base_model="unknown",
        training_file=str(request.get("training_file", "unknown")),
        method="supervised",
        hyperparameters={"n_epochs": "auto", "batch_size": "auto", "learning_rate_multiplier": "auto"},
        seed=0,
        planned_model="",
        finished_at=int(time.time()),
        error={
            "code": "damaged_job_record",
            "message": "The record of this job (job.json) was damaged on disk, so the job can't continue.",
            "param": None,
        },
    )
