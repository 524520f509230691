"""What a client can do to jobs: create, cancel, pause, resume."""

from __future__ import annotations

import re
import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.engine.api_errors import ApiError
from tui.engine.atomic_files import write_json_atomically
from tui.engine.executors.choose import LOCAL
from tui.engine.executors.commands import EMBEDDED, TRL
from tui.engine.executors.protocol import Executor
from tui.engine.run_folder import STOP_PAUSE, append_event
from tui.engine.server.example_length import check_asked_length, needs_trl
from tui.engine.server.file_store import FileStore
from tui.engine.server.identifiers import new_id, random_letters
from tui.engine.server.job_outcome import JobOutcome
from tui.engine.server.job_queue import PRIORITIES
from tui.engine.server.job_record import JobRecord
from tui.engine.server.job_store import JobStore
from tui.engine.server.model_directory import ModelDirectory
from tui.engine.server.scheduler import Scheduler
from tui.engine.server.trainer_choice import AUTO, choose_trainer

if TYPE_CHECKING:
    from tui.engine.server.job_schema import CreateJob

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_WAIT = 5.0
"""Seconds a cancel waits for the worker to be gone."""


class JobService:
    """The verbs of /v1/fine_tuning/jobs; each call blocks, so routes run them in threads."""

    def __init__(
        self,
        jobs: JobStore,
        files: FileStore,
        models: ModelDirectory,
        scheduler: Scheduler,
        outcome: JobOutcome,
        executors: Mapping[str, Executor],
    ) -> None:
        self._jobs = jobs
        self._files = files
        self._models = models
        self._scheduler = scheduler
        self._outcome = outcome
        self._executors = executors

    def create(self, body: CreateJob, raw: dict[str, Any]) -> dict[str, Any]:
        """Start a job and return its object.

        Args:
            body: The checked request.
            raw: The request as it came, kept in the run folder.

        Raises:
            ApiError: 400 for a model or file that can't be used.
        """
        method = body.method_type()
        hyperparameters = body.method_hyperparameters()
        run_on = self._run_on(body)
        source = self._models.for_training(body.model)
        trainer = choose_trainer(
            TRL if body.trainer == AUTO and needs_trl(body.max_tokens_per_example) else body.trainer,
            self._models.shelf,
            source.base_model,
            load_in_4bit=body.load_in_4bit,
            here=self._executors[run_on].here,
            ours=not self._executors[run_on].has_own_trainers,
        )
        context = self._models.shelf.context_length(source.base_model)
        check_asked_length(body.max_tokens_per_example, trainer, context)
        if body.num_workers > 1 and trainer == EMBEDDED:
            raise ApiError(
                400,
                "Invalid 'num_workers': the embedded trainer is one process; trainer 'trl' can be several.",
                param="num_workers",
                code="invalid_value",
            )
        training = self._file(body.training_file, "training_file")
        validation = self._file(body.validation_file, "validation_file") if body.validation_file else None
        job_id = new_id("ftjob-")
        now = time.time_ns()
        record = JobRecord(
            id=job_id,
            created_at=now // 1_000_000_000,
            order=now,
            status="validating_files",
            model=body.model,
            base_model=source.base_model,
            training_file=body.training_file,
            method=method,
            hyperparameters=hyperparameters,
            seed=secrets.randbelow(2**31) if body.seed is None else body.seed,
            planned_model=_model_name(source.base_model, body.suffix),
            validation_file=body.validation_file,
            suffix=body.suffix,
            metadata=body.metadata,
            trainer=trainer,
            load_in_4bit=body.load_in_4bit,
            max_tokens_per_example=body.max_tokens_per_example,
            run_on=run_on,
            num_workers=body.num_workers,
            priority=PRIORITIES[body.priority],
            start_after=body.start_after,
        )
        self._build_folder(record, raw, training, validation, source.adapter_folder)
        self._models.fetch_if_missing(source.base_model)
        return record.as_object()

    def cancel(self, job_id: str) -> dict[str, Any]:
        """End a job for good and return it, usually cancelled within a second."""
        with self._jobs.changed:
            record = self._jobs.get(job_id)
            if record.is_final:
                raise _already_over(record)
            if not self._scheduler.request_cancel(job_id):
                self._outcome.cancel(job_id)
            deadline = time.monotonic() + _LONGEST_WAIT
            while not self._jobs.get(job_id).is_final and time.monotonic() < deadline:
                self._jobs.changed.wait(0.1)
        return self.show(job_id)

    def pause(self, job_id: str) -> dict[str, Any]:
        """Stop a job so that it can go on later; its worker may still be finishing a step."""
        with self._jobs.changed:
            record = self._jobs.get(job_id)
            if record.is_final:
                raise _already_over(record)
            if record.status == "validating_files":
                raise ApiError(
                    400, f"Job {job_id} is validating its files; it can be paused once it is queued."
                )
            if record.status != "paused":
                self._scheduler.request_pause(job_id)
                self._jobs.change(job_id, lambda job: setattr(job, "status", "paused"))
                self._jobs.say(job_id, "The job has been paused")
        return self.show(job_id)

    def resume(self, job_id: str) -> dict[str, Any]:
        """Put a paused job back into the queue."""

        def edit(record: JobRecord) -> None:
            record.status = "queued"
            record.queue_order = time.time_ns()
            record.restarts_without_progress = 0

        with self._jobs.changed:
            record = self._jobs.get(job_id)
            if record.status != "paused":
                raise ApiError(400, f"Job {job_id} is {record.status}; only a paused job can be resumed.")
            (self._jobs.folder(job_id) / STOP_PAUSE).unlink(missing_ok=True)
            self._jobs.change(job_id, edit)
            self._jobs.say(job_id, "The job has been resumed and is in the queue")
        return self.show(job_id)

    def show(self, job_id: str) -> dict[str, Any]:
        """Return a job's object as it is now."""
        record = self._jobs.get(job_id)
        return record.as_object(None if record.is_final else self._jobs.progress(job_id))

    def _run_on(self, body: CreateJob) -> str:
        """Return the executor to use, refusing one that is unknown or can't be used now."""
        name = body.run_on or LOCAL
        executor = self._executors.get(name)
        if executor is None:
            known = ", ".join(sorted(self._executors))
            raise ApiError(
                400, f"Invalid 'run_on': {name!r} is none of {known}.", param="run_on", code="invalid_value"
            )
        if reason := executor.why_not() or executor.does_not_answer():
            raise ApiError(400, reason, param="run_on", code="executor_unavailable")
        if executor.bills and not body.accept_costs:
            raise ApiError(
                400,
                f"{executor.what_it_costs()} Send 'accept_costs': true to accept that.",
                param="accept_costs",
                code="costs_not_accepted",
            )
        if body.num_workers > 1 and not executor.several_workers:
            raise ApiError(
                400,
                f"Invalid 'num_workers': {name} runs one worker for a job; 'ray' runs several.",
                param="num_workers",
                code="invalid_value",
            )
        return name

    def _file(self, file_id: str, param: str) -> Path:
        try:
            record = self._files.get(file_id)
        except ApiError:
            raise ApiError(400, f"invalid {param}: {file_id[:80]}", param=param) from None
        if record.purpose != "fine-tune":
            raise ApiError(
                400,
                f"File '{file_id}' has purpose '{record.purpose}'; a {param} needs purpose 'fine-tune'.",
                param=param,
                code="invalid_file_purpose",
            )
        return self._files.content_path(file_id)

    def _build_folder(
        self,
        record: JobRecord,
        raw: dict[str, Any],
        training: Path,
        validation: Path | None,
        adapter: Path | None,
    ) -> None:
        """Put the run folder together out of sight, then let it appear whole."""
        staging = self._jobs.staging_folder(record.id)
        staging.mkdir(mode=0o700)
        try:
            write_json_atomically(staging / "request.json", raw)
            _link_or_copy(training, staging / "training.jsonl")
            message = f"Validating training file: {record.training_file}"
            if validation is not None:
                _link_or_copy(validation, staging / "validation.jsonl")
                message += f" and validation file: {record.validation_file}"
            if adapter is not None:
                shutil.copytree(adapter, staging / "start_adapter")
            append_event(staging, f"Created fine-tuning job: {record.id}")
            append_event(staging, message)
            self._jobs.add(record)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise


def _already_over(record: JobRecord) -> ApiError:
    return ApiError(
        400, f"Job has already completed: {record.id} ({record.status}).", code="job_already_completed"
    )


def _model_name(base_model: str, suffix: str | None) -> str:
    """Return ft:<base>:local:<suffix>:<8 letters>; the suffix is the only text of a user's in it."""
    clean = _NOT_IN_A_NAME.sub("-", suffix or "").strip("-").lower()
    return f"ft:{base_model}:local:{clean}:{random_letters(8)}"


def _link_or_copy(source: Path, target: Path) -> None:
    """Give the job its own name for the file, so that deleting the upload takes nothing from it."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)
