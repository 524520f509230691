"""What a job becomes when its worker has ended, or when it must end without one."""

from __future__ import annotations

import logging
import secrets
import shutil
import time
from pathlib import Path
from typing import Any

from tui.engine.run_folder import STOP_CANCEL
from tui.engine.server.file_store import RESULTS_PURPOSE, FileStore
from tui.engine.server.identifiers import result_file_id
from tui.engine.server.job_record import JobRecord
from tui.engine.server.job_store import JobStore

CANCELLED_MESSAGE = "The job has been cancelled"
RESULT_FILE_NAME = "step_metrics.csv"
_log = logging.getLogger(__name__)


class JobOutcome:
    """Brings jobs to their final state: events first, then the record, each exactly once."""

    def __init__(self, jobs: JobStore, files: FileStore, incoming: Path) -> None:
        self._jobs = jobs
        self._files = files
        self._incoming = incoming

    def succeed(self, job_id: str, done: dict[str, Any]) -> None:
        """Publish the tuned model and the result file."""
        record = self._jobs.get(job_id)
        results = self._result_files(job_id)
        self._jobs.say_once(job_id, f"New fine-tuned model created: {record.planned_model}")
        self._jobs.say_once(job_id, "The job has successfully completed")
        self._end(job_id, "succeeded", done, results=results)

    def cancel(self, job_id: str, done: dict[str, Any] | None = None) -> None:
        """End a job because its owner asked for it.

        The wish is written first: an engine killed between the event and the record ends the job when it
        starts again, see `was_cancelled`.
        """
        (self._jobs.folder(job_id) / STOP_CANCEL).touch()
        self._jobs.say_once(job_id, CANCELLED_MESSAGE)
        self._end(job_id, "cancelled", done or {})

    def was_cancelled(self, job_id: str) -> bool:
        """Say whether a job's owner has asked for its end, whatever its record says."""
        if (self._jobs.folder(job_id) / STOP_CANCEL).exists():
            return True
        return any(event.get("message") == CANCELLED_MESSAGE for event in self._jobs.events(job_id))

    def fail(self, job_id: str, error: dict[str, Any], done: dict[str, Any] | None = None) -> None:
        """End a job with a reason; on a full disk the state is kept in memory at least."""
        try:
            self._jobs.say_once(job_id, str(error.get("message")), level="error")
        except OSError:
            _log.exception("the failure of %s could not be written to its events", job_id)
        self._end(job_id, "failed", done or {}, error=error)

    def _end(
        self,
        job_id: str,
        status: str,
        done: dict[str, Any],
        *,
        results: list[str] | None = None,
        error: dict[str, Any] | None = None,
    ) -> None:
        resolved = (self._jobs.progress(job_id) or {}).get("resolved_hyperparameters")
        tokens = done.get("trained_tokens")
        finished = done.get("finished_at")

        def edit(record: JobRecord) -> None:
            record.status = status
            record.finished_at = int(finished) if isinstance(finished, int | float) else int(time.time())
            record.trained_tokens = tokens if isinstance(tokens, int) else None
            record.result_files = results or []
            record.worker = None
            if error is not None:
                record.error = {name: error.get(name) for name in ("code", "message", "param")}
            if isinstance(resolved, dict):
                known = record.hyperparameters
                record.hyperparameters = {name: resolved.get(name, known[name]) for name in known}

        self._jobs.change(job_id, edit, even_unwritten=status == "failed")

    def _result_files(self, job_id: str) -> list[str]:
        source = self._jobs.folder(job_id) / "result.csv"
        if not source.is_file():
            return []
        copy = self._incoming / secrets.token_hex(16)
        try:
            shutil.copyfile(source, copy)
            record = self._files.add(copy, RESULT_FILE_NAME, RESULTS_PURPOSE, file_id=result_file_id(job_id))
        finally:
            copy.unlink(missing_ok=True)
        return [record.id]
