"""Has the files of new jobs checked, one job after another, beside the scheduler."""

from __future__ import annotations

import logging
import threading
import time

from tui.engine.server.file_check import check_files
from tui.engine.server.job_outcome import JobOutcome
from tui.engine.server.job_record import JobRecord
from tui.engine.server.job_store import JobStore

QUEUED_MESSAGE = "Files validated, moving job to queued state"
_log = logging.getLogger(__name__)


class Validator:
    """Moves jobs from validating_files to queued, or to failed with the service's words."""

    def __init__(self, jobs: JobStore, outcome: JobOutcome) -> None:
        self._jobs = jobs
        self._outcome = outcome
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="validator", daemon=True)

    def start(self) -> None:
        """Begin with what an earlier engine left unchecked."""
        self._thread.start()

    def stop(self) -> None:
        """End the check under way; the next start does it again."""
        with self._jobs.changed:
            self._stopping = True
            self._jobs.changed.notify_all()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stopping:
            record = self._next_job()
            if record is None:
                with self._jobs.changed:
                    if not self._stopping and self._next_job() is None:
                        self._jobs.changed.wait(5)
                continue
            try:
                self._check(record)
            except Exception as error:  # a file that breaks the checker fails its job, not the engine
                _log.exception("checking the files of %s failed", record.id)
                self._fail_safely(record, error)

    def _next_job(self) -> JobRecord | None:
        waiting = [record for record in self._jobs.all() if record.status == "validating_files"]
        return waiting[-1] if waiting else None

    def _check(self, record: JobRecord) -> None:
        def cancelled() -> bool:
            return self._stopping or self._jobs.get(record.id).status != "validating_files"

        folder = self._jobs.folder(record.id)
        error = check_files(folder, model=record.base_model, method=record.method, cancelled=cancelled)
        if cancelled():
            return
        if error is not None:
            self._outcome.fail(record.id, error)
            return
        self._jobs.say_once(record.id, QUEUED_MESSAGE)
        self._jobs.change(record.id, _queue)

    def _fail_safely(self, record: JobRecord, error: Exception) -> None:
        try:
            self._outcome.fail(
                record.id,
                {
                    "code": "invalid_training_file",
                    "message": f"The job failed because its files could not be checked: {error}",
                    "param": "training_file",
                },
            )
        except Exception:
            _log.exception("the failure of %s could not be kept", record.id)
            time.sleep(1)


def _queue(record: JobRecord) -> None:
    if record.status == "validating_files":
        record.status = "queued"
        record.queue_order = time.time_ns()
