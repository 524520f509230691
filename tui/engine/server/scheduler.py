"""One job at a time: picks it, starts its worker, watches it, and sees every ending through."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from tui.engine.atomic_files import read_json_object, write_json_atomically
from tui.engine.run_folder import DONE, STOP_CANCEL, STOP_PAUSE
from tui.engine.server.base_model_shelf import BaseModelShelf
from tui.engine.server.job_outcome import JobOutcome
from tui.engine.server.job_record import JobRecord
from tui.engine.server.job_store import JobStore
from tui.engine.server.worker_process import WorkerProcess

MAX_RESTARTS = 3
"""Restarts of a dying worker without a new step, before the job fails."""
CANCEL_GRACE = 0.7
"""Seconds a worker gets to leave by itself after a cancel; nothing it could still save is wanted."""
PAUSE_GRACE = 60.0
"""Seconds a worker gets to finish its step and save; its last save is at most 20 s old anyway."""
SHUTDOWN_GRACE = 15.0
LONGEST_EXAMPLE = 2048
"""Tokens of an example that are trained on; longer ones are cut at the end, as the service does."""
_BUSY_POLL, _IDLE_POLL = 0.1, 1.0
_log = logging.getLogger(__name__)


class Scheduler:
    """Owns the one worker; runs in a thread of its own that lives as long as the engine.

    Workers ask the system to be told when their parent *thread* dies, so they are started here only.
    """

    def __init__(self, jobs: JobStore, outcome: JobOutcome, shelf: BaseModelShelf) -> None:
        self._jobs = jobs
        self._outcome = outcome
        self._shelf = shelf
        self._worker: WorkerProcess | None = None
        self._job_id: str | None = None
        self._kill_at: float | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        """Take up what an earlier engine left, then run jobs."""
        for record in self._jobs.all():
            if not record.is_final:
                self._take_up(record)
        self._thread.start()

    def stop(self) -> None:
        """Let the running worker save its state, and leave its job first in the queue for the next start."""
        with self._jobs.changed:
            self._stopping = True
            if self._job_id is not None:
                self._ask_to_stop(self._job_id, STOP_PAUSE, SHUTDOWN_GRACE)
            self._jobs.changed.notify_all()
        self._thread.join(SHUTDOWN_GRACE + 5)

    def is_training(self) -> bool:
        """Say whether a worker uses this machine now."""
        return self._worker is not None

    def request_cancel(self, job_id: str) -> bool:
        """Ask the worker of this job to end it; False when none is on it. Needs the jobs' lock."""
        if job_id != self._job_id:
            return False
        self._ask_to_stop(job_id, STOP_CANCEL, CANCEL_GRACE)
        return True

    def request_pause(self, job_id: str) -> None:
        """Ask the worker of this job, if one is on it, to save and leave. Needs the jobs' lock."""
        if job_id == self._job_id:
            self._ask_to_stop(job_id, STOP_PAUSE, PAUSE_GRACE)

    def _ask_to_stop(self, job_id: str, name: str, grace: float) -> None:
        (self._jobs.folder(job_id) / name).touch()
        self._kill_at = time.monotonic() + grace
        if self._worker is not None:
            self._worker.ask_to_stop()
        self._jobs.changed.notify_all()

    def _take_up(self, record: JobRecord) -> None:
        """Watch a worker that still lives; a job whose worker is gone is settled from its folder."""
        worker = WorkerProcess.attach(record.worker_pid, record.worker_created)
        if worker is not None and self._worker is None:
            _log.info("found the worker of %s again (process %d)", record.id, worker.pid)
            self._worker, self._job_id = worker, record.id
            return
        if record.status == "running":
            self._settle(record.id, how="with the engine", blame=False)
        elif self._outcome.was_cancelled(record.id):
            self._outcome.cancel(record.id)  # the last engine ended between writing it down and doing it

    def _run(self) -> None:
        while True:
            try:
                with self._jobs.changed:
                    if self._worker is None and self._stopping:
                        return
                self._step()
            except Exception:  # whatever a job does, the engine goes on; a full disk is tried again
                _log.exception("the scheduler could not go on with %s", self._job_id)
                time.sleep(1)
            with self._jobs.changed:
                waiting = self._worker is not None or self._next_job() is not None
                self._jobs.changed.wait(_BUSY_POLL if waiting else _IDLE_POLL)

    def _step(self) -> None:
        if self._worker is None:
            record = self._next_job()
            if record is not None and not self._stopping:
                self._start(record)
            return
        if not self._worker.alive():
            with self._jobs.changed:  # a cancel must find the job either still here or settled
                assert self._job_id is not None
                self._settle(self._job_id, how=self._worker.how_it_ended(), blame=self._worker.is_to_blame())
                self._worker = self._job_id = self._kill_at = None
        elif self._kill_at is not None and time.monotonic() > self._kill_at:
            self._worker.kill()

    def _next_job(self) -> JobRecord | None:
        waiting = [record for record in self._jobs.all() if record.status == "queued"]
        return min(waiting, key=lambda record: (record.queue_order, record.order), default=None)

    def _start(self, record: JobRecord) -> None:
        folder = self._jobs.folder(record.id)
        if (folder / STOP_CANCEL).exists():
            self._outcome.cancel(record.id)  # a full disk took the wish, and not the record
            return
        model_folder = self._shelf.folder(record.base_model)
        if model_folder is None:
            self._wait_for_base_model(record)
            return
        self._write_spec(record, folder, model_folder)
        self._jobs.say_once(record.id, "Fine-tuning job started")
        with self._jobs.changed:
            if self._jobs.get(record.id).status != "queued":
                return  # cancelled or paused in between
            for name in (DONE, STOP_PAUSE):
                (folder / name).unlink(missing_ok=True)
            worker = WorkerProcess.start(folder)
            self._worker, self._job_id, self._kill_at = worker, record.id, None

            def edit(running: JobRecord) -> None:
                running.status = "running"
                running.worker_pid = worker.pid if worker else None
                running.worker_created = worker.created if worker else None

            self._jobs.change(record.id, edit)
        if worker is None:
            self._settle(record.id, how="at once", blame=True)

    def _wait_for_base_model(self, record: JobRecord) -> None:
        state = self._shelf.state()
        if (
            state.state == "failed"
            or not self._shelf.is_known(record.base_model)
            or not self._shelf.can_fetch
        ):
            reason = state.error or "it is not on this machine"
            message = f"The base model {record.base_model} could not be loaded: {reason}"
            self._outcome.fail(
                record.id, {"code": "base_model_unavailable", "message": message, "param": "model"}
            )
            return
        self._jobs.say_once(record.id, f"Waiting for the base model {record.base_model} to be fetched")
        self._shelf.start_fetch()

    def _write_spec(self, record: JobRecord, folder: Path, model_folder: Path) -> None:
        """Write what the worker needs, once: a restarted job trains exactly as it began."""
        if read_json_object(folder / "spec.json") is not None:
            return
        adapter = folder / "start_adapter"
        context = self._shelf.context_length(record.base_model) or LONGEST_EXAMPLE
        spec = {
            "job_id": record.id,
            "method": record.method,
            "base_model": record.base_model,
            "base_model_folder": str(model_folder.resolve()),
            "start_adapter": str(adapter.resolve()) if adapter.is_dir() else None,
            "hyperparameters": record.hyperparameters,
            "seed": record.seed,
            "suffix": record.suffix,
            "fine_tuned_model": record.planned_model,
            "max_tokens_per_example": min(LONGEST_EXAMPLE, context),
            "training_file": "training.jsonl",
            "validation_file": "validation.jsonl" if record.validation_file else None,
        }
        write_json_atomically(folder / "spec.json", spec)

    def _settle(self, job_id: str, *, how: str, blame: bool) -> None:
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
        elif done is not None or not blame or self._kill_at is not None:
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
    record.worker_pid = record.worker_created = None


def _first_in_queue(record: JobRecord) -> None:
    _without_worker(record)
    record.status = "queued"
    record.queue_order = 0
