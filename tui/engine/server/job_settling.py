"""What becomes of a job whose worker is gone: its end, its place in the queue, or another try."""

from __future__ import annotations

from tui.engine.atomic_files import read_json_object
from tui.engine.run_folder import DONE, STOP_CANCEL
from tui.engine.server.job_outcome import JobOutcome
from tui.engine.server.job_record import JobRecord
from tui.engine.server.job_store import JobStore

MAX_RESTARTS = 3
"""Restarts of a dying worker without a new step, before the job fails."""


class JobSettling:
    """Reads a job's folder after its worker's end and brings the job to its next state."""

    def __init__(self, jobs: JobStore, outcome: JobOutcome) -> None:
        self._jobs = jobs
        self._outcome = outcome

    def settle(self, job_id: str, *, how: str, blame: bool) -> None:
        """Bring a job whose worker is gone to its next state.

        Args:
            job_id: The job.
            how: How the worker ended, for people.
            blame: Whether dying without a word counts against the worker.
        """
        folder = self._jobs.folder(job_id)
        done = read_json_object(folder / DONE)
        if (folder / STOP_CANCEL).exists():
            self._outcome.cancel(job_id, done)
        elif done is not None and done.get("status") == "succeeded":
            self._outcome.succeed(job_id, done)
        elif done is not None and done.get("status") == "failed":
            self._outcome.fail(job_id, done.get("error") or _no_reason(), done)
        elif self._jobs.get(job_id).status != "running":
            self._jobs.change(job_id, _without_worker)  # paused, or already resumed
        elif done is not None or not blame:
            self._jobs.change(job_id, _first_in_queue)  # the engine stopped or was killed, not the worker
        else:
            self._restart(job_id, how)

    def _restart(self, job_id: str, how: str) -> None:
        """Give a dead worker's job back to the queue, or give up when it gets nowhere."""
        record = self._jobs.get(job_id)
        step = (self._jobs.progress(job_id) or {}).get("step")
        step = step if isinstance(step, int) else 0
        tries = 0 if step > record.last_step else record.restarts_without_progress
        if tries >= MAX_RESTARTS:
            message = (
                f"The training process ended {how} {tries + 1} times at step {step} without getting "
                f"any further. Its own words are in {self._jobs.folder(job_id) / 'worker.log'}."
            )
            self._outcome.fail(job_id, {"code": "worker_died", "message": message, "param": None})
            return
        message = (
            f"The training process ended {how} at step {step}; starting it again from its last saved state"
        )
        self._jobs.say(job_id, message, level="warn")

        def edit(record: JobRecord) -> None:
            _first_in_queue(record)
            record.restarts_without_progress = tries + 1
            record.last_step = max(step, record.last_step)

        self._jobs.change(job_id, edit)


def _no_reason() -> dict[str, str | None]:
    return {"code": "training_failed", "message": "The training process gave no reason.", "param": None}


def _without_worker(record: JobRecord) -> None:
    record.worker = None


def _first_in_queue(record: JobRecord) -> None:
    _without_worker(record)
    record.status = "queued"
    record.queue_order = 0
