"""The run loop: steps, metrics, checkpoints, resume points, and a verdict at the end."""

from __future__ import annotations

import errno
import math
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tui.engine.atomic_files import read_json_object, write_json_atomically
from tui.engine.run_folder import DONE, write_result
from tui.engine.trainers.protocol import BatchMetrics, Trainer, TrainingDiverged
from tui.engine.trainers.training_data import BadTrainingFile
from tui.engine.worker.job_spec import JobSpec, read_spec
from tui.engine.worker.prepare_run import PreparedRun, prepare_run
from tui.engine.worker.resume_state import discard_state, load_state, save_state
from tui.engine.worker.run_log import RunLog, named, publish_adapter
from tui.engine.worker.stop_request import StopReason, StopRequest
from tui.engine.worker.threads import allowed_threads, usable_cores
from tui.errors import TunedeckError

SAVE_SECONDS = 20.0
"""At most so much work is lost in a crash."""
VALIDATIONS = 25
"""About so often in a run a small batch of validation examples is measured."""
PROGRESS_SECONDS = 0.5
"""Shortest time between two writings of progress.json."""
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No space, no quota, and no more room for one file (a limit of the user's)."""
EXIT_DONE, EXIT_TO_BE_CONTINUED = 0, 75
"""Process exit codes: a verdict was written; none was, start the worker again (EX_TEMPFAIL)."""

Prepare = Callable[[JobSpec, RunLog], PreparedRun]
"""Opens what a run needs; raises as `prepare_run`."""


def run_job(folder: Path, stop: StopRequest, prepare: Prepare = prepare_run) -> int:
    """Train the job of a run folder to its end, or until it should stop.

    Args:
        folder: The run folder.
        stop: Asked after each step.
        prepare: Makes the trainer; the embedded one unless told otherwise.

    Returns:
        The process exit code.
    """
    verdict = read_json_object(folder / DONE)
    if verdict is not None and verdict.get("status") in ("succeeded", "failed", "cancelled"):
        return EXIT_DONE
    (folder / DONE).unlink(missing_ok=True)
    log = RunLog(folder)
    try:
        reason = _train(folder, stop, log, prepare)
    except Exception as error:  # whatever it is, the job must end with a reason that a person can read
        traceback.print_exc()
        return _fail(folder, _job_error(error), log.trained_tokens)
    if reason is StopReason.INTERRUPTED:
        return EXIT_TO_BE_CONTINUED
    _write_verdict(folder, "succeeded" if reason is None else reason.value, log.trained_tokens)
    return EXIT_DONE


def _train(folder: Path, stop: StopRequest, log: RunLog, prepare: Prepare) -> StopReason | None:
    """Return why training ended early, or None at its end."""
    if stop.reason() is StopReason.INTERRUPTED:
        return StopReason.INTERRUPTED  # the next engine may have a worker here already
    spec = read_spec(folder)
    prepared = prepare(spec, log)
    try:
        return _Run(folder, prepared, log, spec.fine_tuned_model).to_its_end(stop)
    finally:
        prepared.trainer.close()


class _BrokenFromTheStart(TrainingDiverged):
    """The first step already gave no numbers: no learning rate is to blame."""


class _Run:
    """A run under way; `step` counts the steps done."""

    def __init__(self, folder: Path, prepared: PreparedRun, log: RunLog, model: str) -> None:
        self.folder = folder
        self.trainer: Trainer = prepared.trainer
        self.schedule = prepared.schedule
        self.log = log
        self.model = model
        self.step = 0
        self._seconds = 0.0
        self._saved_at = self._told_at = time.monotonic()
        self._last_checkpoint: Path | None = None
        self._valid_every = max(1, math.ceil(self.schedule.total_steps / VALIDATIONS))
        self._cores = usable_cores()

    def to_its_end(self, stop: StopRequest) -> StopReason | None:
        """Train until nothing is left, or there is a reason to stop: return it, the state saved."""
        self.take_up()
        while self.step < self.schedule.total_steps:
            reason = stop.reason()
            if reason is not None:
                self.save()
                return reason
            self.advance()
        self.finish()
        return None

    def take_up(self) -> None:
        """Go on from state/ if there is one, and say so."""
        found = load_state(self.folder / "state")
        if found is not None:
            self.step, arrays, self._seconds = found
            self.trainer.restore(arrays)
            self.log.say(
                f"Resumed from step {self.step} of {self.schedule.total_steps}", data={"step": self.step}
            )
        elif self.log.last_step:
            self.log.say("Resumed from the beginning: no saved state was found", data={"step": 0})
        self._count_tokens()
        self._tell_progress()

    def advance(self) -> None:
        """Do one step and everything that belongs to it."""
        started = time.monotonic()
        step = self.step + 1
        self.trainer.use_threads(allowed_threads(self.folder.parent.parent, self._cores))
        metrics = self._train(step)
        values = named("train", metrics) | self._validation(step)
        self.step = step
        self._count_tokens()
        known = self.log.metrics(step, self.schedule.total_steps, values)
        if self.schedule.ends_epoch(step):
            self._last_checkpoint = self.log.checkpoint(step, self.trainer, known, self.model)
        self._seconds += time.monotonic() - started
        if self.schedule.ends_epoch(step) or time.monotonic() - self._saved_at > SAVE_SECONDS:
            self.save()
        if time.monotonic() - self._told_at > PROGRESS_SECONDS or step == self.schedule.total_steps:
            self._tell_progress()

    def _train(self, step: int) -> BatchMetrics:
        try:
            return self.trainer.train_step(self.schedule.batch(step), self.schedule.learning_rate(step))
        except TrainingDiverged as error:
            kind = _BrokenFromTheStart if step == 1 else TrainingDiverged
            raise kind(f"{str(error).removesuffix('.')} at step {step}.") from error

    def save(self) -> None:
        """Write the point to go on from."""
        save_state(self.folder / "state", self.step, self.trainer.state(), self._seconds)
        self._saved_at = time.monotonic()
        self._tell_progress()

    def finish(self) -> None:
        """Publish the tuned model and the table of results."""
        if self._last_checkpoint is None:  # resumed after the very last step
            self._last_checkpoint = self.folder / "checkpoints" / f"step-{self.step:06d}"
        publish_adapter(self._last_checkpoint, self.folder / "adapter")
        write_result(self.folder)
        discard_state(self.folder / "state")
        self._tell_progress()

    def _validation(self, step: int) -> dict[str, float]:
        count = self.trainer.validation_count
        if not count:
            return {}
        values: dict[str, float] = {}
        if step % self._valid_every == 0 or step == 1:
            size = min(self.schedule.settings.batch_size, count)
            start = (step // self._valid_every) * size
            chosen = [(start + offset) % count for offset in range(size)]
            values |= named("valid", self._finite(self.trainer.validate(chosen), step))
        if self.schedule.ends_epoch(step):
            values |= named("full_valid", self._finite(self.trainer.validate(range(count)), step))
        return values

    @staticmethod
    def _finite(metrics: BatchMetrics, step: int) -> BatchMetrics:
        if not math.isfinite(metrics.loss):
            raise TrainingDiverged(f"The validation loss became {metrics.loss} at step {step}.")
        return metrics

    def _count_tokens(self) -> None:
        counts: Sequence[int] = self.trainer.token_counts
        self.log.trained_tokens = self.schedule.tokens_until(self.step, counts)

    def _tell_progress(self) -> None:
        steps_left = self.schedule.total_steps - self.step
        left = self._seconds / self.step * steps_left if self.step else None
        self.log.progress(self.step, self.schedule, left)
        self._told_at = time.monotonic()


def _job_error(error: Exception) -> dict[str, str | None]:
    """Put an exception into the service's words."""
    code, message, param = "training_failed", f"{type(error).__name__}: {error}", None
    if isinstance(error, _BrokenFromTheStart):
        code = "loss_not_finite"
        message = (
            f"{error} Nothing had been learned yet, so it is the model that it starts from: its weights are "
            "damaged. Fetch or add the base model again."
        )
    elif isinstance(error, TrainingDiverged):
        code = "loss_not_finite"
        message = f"{error} The training diverged; a lower learning_rate_multiplier usually helps."
    elif isinstance(error, BadTrainingFile):
        code, message, param = "invalid_training_file", error.message, "training_file"
    elif isinstance(error, TunedeckError):
        message = str(error)
    elif isinstance(error, MemoryError):
        code = "out_of_memory"
        message = "There was not enough memory to train; shorter examples or a smaller batch need less."
    elif isinstance(error, OSError) and error.errno in DISK_FULL:
        code = "disk_full"
        message = "The disk is full. Free some space and create the job again."
    return {"code": code, "message": message, "param": param}


def _fail(folder: Path, error: dict[str, Any], trained_tokens: int) -> int:
    # The resume point is the largest thing here; without it there is room for the verdict.
    discard_state(folder / "state")
    try:
        write_result(folder)
    except OSError:
        traceback.print_exc()
    _write_verdict(folder, "failed", trained_tokens, error)
    return EXIT_DONE


def _write_verdict(
    folder: Path, status: str, trained_tokens: int, error: dict[str, Any] | None = None
) -> None:
    write_json_atomically(
        folder / DONE,
        {
            "status": status,
            "error": error,
            "trained_tokens": trained_tokens,
            "finished_at": int(time.time()),
        },
    )
