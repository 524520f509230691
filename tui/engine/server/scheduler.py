"""Picks jobs from the queue, starts their workers, watches them, and sees every ending through."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tui.engine.atomic_files import read_json_object, write_json_atomically
from tui.engine.executors.commands import worker_command
from tui.engine.executors.protocol import Executor, RunningWorker
from tui.engine.run_folder import DONE, STOP_CANCEL, STOP_PAUSE
from tui.engine.server.base_model_shelf import BaseModelShelf
from tui.engine.server.example_length import length_of_examples
from tui.engine.server.job_outcome import JobOutcome
from tui.engine.server.job_queue import next_job
from tui.engine.server.job_record import JobRecord
from tui.engine.server.job_settling import JobSettling
from tui.engine.server.job_store import JobStore
from tui.engine.server.running_jobs import RunningJob, RunningJobs
from tui.engine.worker.threads import tell_workers_here
from tui.errors import TunedeckError

SHUTDOWN_GRACE = 15.0
AT_ONCE_ELSEWHERE = 4
"""Jobs at a time on one executor that does not take this machine's cores; it has a queue of its own."""
_BUSY_POLL, _IDLE_POLL = 0.1, 1.0
_log = logging.getLogger(__name__)


class Scheduler:
    """Owns the workers; runs in a thread of its own that lives as long as the engine.

    Workers ask the system to be told when their parent *thread* dies, so they are started here only.
    Those that run elsewhere outlive the engine and are found again when it starts.
    """

    def __init__(
        self,
        jobs: JobStore,
        outcome: JobOutcome,
        shelf: BaseModelShelf,
        executors: Mapping[str, Executor],
        at_once: int = 1,
    ) -> None:
        self._jobs = jobs
        self._outcome = outcome
        self._settling = JobSettling(jobs, outcome)
        self._shelf = shelf
        self._executors = executors
        self._at_once = at_once
        self._running = RunningJobs()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        """Take up what an earlier engine left, then run jobs."""
        for record in self._jobs.all():
            if not record.is_final:
                self._take_up(record)
        self._thread.start()

    def stop(self) -> None:
        """Let the workers here save their state; their jobs are the first in the queue at the next start."""
        with self._jobs.changed:
            self._stopping = True
            for running in self._running.here():
                self._ask_to_stop(running, STOP_PAUSE, SHUTDOWN_GRACE)
            self._jobs.changed.notify_all()
        self._thread.join(SHUTDOWN_GRACE + 5)

    def is_training(self) -> bool:
        """Say whether a worker uses this machine now."""
        return bool(self._running.here())

    def request_cancel(self, job_id: str) -> bool:
        """Ask the worker of this job to end it; False when none is on it. Needs the jobs' lock."""
        running = self._running.get(job_id)
        if running is None:
            return False
        self._ask_to_stop(running, STOP_CANCEL, running.executor.cancel_grace)
        return True

    def request_pause(self, job_id: str) -> None:
        """Ask the worker of this job, if one is on it, to save and leave. Needs the jobs' lock."""
        running = self._running.get(job_id)
        if running is not None:
            self._ask_to_stop(running, STOP_PAUSE, running.executor.pause_grace)

    def _ask_to_stop(self, running: RunningJob, name: str, grace: float) -> None:
        (self._jobs.folder(running.job_id) / name).touch()
        running.kill_at = time.monotonic() + grace
        running.worker.ask_to_stop()
        self._jobs.changed.notify_all()

    def _take_up(self, record: JobRecord) -> None:
        """Watch a worker that still lives; a job whose worker is gone is settled from its folder."""
        executor = self._executors.get(record.run_on)
        worker = executor.attach(record.worker) if executor and record.worker else None
        if executor is not None and worker is not None:
            _log.info("found the worker of %s again (%s)", record.id, worker.handle)
            self._running.add(RunningJob(record.id, worker, executor))
            self._tell_workers()
            return
        if record.status == "running":
            self._settling.settle(record.id, how="with the engine", blame=False)
        elif self._outcome.was_cancelled(record.id):
            self._outcome.cancel(record.id)  # the last engine ended between writing it down and doing it

    def _run(self) -> None:
        while True:
            with self._jobs.changed:
                if self._stopping and not self._running.here():
                    return
            for running in self._running.all():
                self._guarded(running.job_id, partial(self._look_at, running))
            self._guarded("the queue", self._start_next)
            with self._jobs.changed:
                waiting = bool(self._running.all()) or self._next_job() is not None
                self._jobs.changed.wait(_BUSY_POLL if waiting else _IDLE_POLL)

    def _guarded(self, what: str, work: Callable[[], None]) -> None:
        """Do a piece of work: whatever a job does, the engine goes on; a full disk is tried again."""
        try:
            work()
        except Exception:
            _log.exception("the scheduler could not go on with %s", what)
            time.sleep(1)

    def _look_at(self, running: RunningJob) -> None:
        """See how a worker does, and settle its job when it has ended."""
        worker, folder = running.worker, self._jobs.folder(running.job_id)
        lives = worker.alive()
        running.executor.sync(folder)  # after the question, so that nothing written before the end is missed
        if not lives:
            with self._jobs.changed:  # a cancel must find the job either still here or settled
                blame = worker.is_to_blame() and running.kill_at is None
                self._settling.settle(running.job_id, how=worker.how_it_ended(), blame=blame)
                self._running.remove(running.job_id)
                self._tell_workers()
        elif running.is_overdue:
            worker.kill()

    def _start_next(self) -> None:
        if self._stopping:
            return
        record = self._next_job()
        if record is not None:
            self._start(record)

    def _next_job(self) -> JobRecord | None:
        return next_job(self._jobs.all(), self._has_place)

    def _has_place(self, run_on: str) -> bool:
        executor = self._executors.get(run_on)
        if executor is None:
            return True  # it is refused when it starts
        if executor.here:
            return len(self._running.here()) < self._at_once
        return self._running.on(run_on) < AT_ONCE_ELSEWHERE

    def _tell_workers(self) -> None:
        tell_workers_here(self._jobs.root.parent, len(self._running.here()))

    def _start(self, record: JobRecord) -> None:
        folder = self._jobs.folder(record.id)
        if (folder / STOP_CANCEL).exists():
            self._outcome.cancel(record.id)  # a full disk took the wish, and not the record
            return
        executor = self._executors.get(record.run_on)
        refusal = (
            f"This engine can't run jobs on {record.run_on!r}." if executor is None else executor.why_not()
        )
        if executor is None or refusal is not None:
            self._refuse(record.id, str(refusal))
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
            if executor.here:  # at once and under the lock, so that a cancel finds it queued or running
                self._launch(record, folder, executor)
        if not executor.here:
            self._launch(record, folder, executor)

    def _launch(self, record: JobRecord, folder: Path, executor: Executor) -> None:
        """Start the worker and write down where it is."""
        try:
            own = executor.has_own_trainers
            worker = executor.start(folder, [] if own else worker_command(folder, record.trainer))
        except TunedeckError as error:
            self._refuse(record.id, str(error))
            return
        with self._jobs.changed:
            if self._jobs.get(record.id).status != "queued":
                if worker is not None:  # cancelled or paused while it was being started elsewhere
                    worker.kill()
                return
            if worker is not None:
                self._running.add(RunningJob(record.id, worker, executor))
                self._tell_workers()
            self._jobs.change(record.id, lambda running: _with_worker(running, worker))
        if worker is None:
            self._settling.settle(record.id, how="at once", blame=True)

    def _refuse(self, job_id: str, message: str) -> None:
        self._outcome.fail(job_id, {"code": "could_not_be_started", "message": message, "param": None})

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
        context = self._shelf.context_length(record.base_model)
        spec = {
            "job_id": record.id,
            "method": record.method,
            "base_model": record.base_model,
            "base_model_folder": str(model_folder.resolve()),
            "start_adapter": str(adapter.resolve()) if adapter.is_dir() else None,
            "hyperparameters": record.hyperparameters,
            "seed": record.seed,
            "suffix": record.suffix,
            "trainer": record.trainer,
            "num_workers": record.num_workers,
            "load_in_4bit": record.load_in_4bit,
            "fine_tuned_model": record.planned_model,
            "max_tokens_per_example": length_of_examples(record.max_tokens_per_example, context),
            "training_file": "training.jsonl",
            "validation_file": "validation.jsonl" if record.validation_file else None,
        }
        write_json_atomically(folder / "spec.json", spec)


def _with_worker(record: JobRecord, worker: RunningWorker | None) -> None:
    record.status = "running"
    record.worker = worker.handle if worker is not None else None
