"""A job as its run folder's job.json keeps it, and as the service would show it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

FINAL = ("succeeded", "failed", "cancelled")
"""States that never change again."""
ORGANIZATION = "org-local"


@dataclass(slots=True)
class JobRecord:
    """Everything the server itself knows of a job; written as a whole after each change."""

    id: str
    created_at: int
    order: int
    """Nanoseconds at creation, so that jobs of one second keep their order."""
    status: str
    model: str
    """As the client asked: a base model, a tuned model or a checkpoint."""
    base_model: str
    training_file: str
    method: str
    hyperparameters: dict[str, int | float | str]
    seed: int
    planned_model: str
    """The name the tuned model gets when the job succeeds."""
    validation_file: str | None = None
    suffix: str | None = None
    metadata: dict[str, str] | None = None
    finished_at: int | None = None
    trained_tokens: int | None = None
    error: dict[str, str | None] | None = None
    result_files: list[str] = field(default_factory=list)
    queue_order: int = 0
    """Nanoseconds; the lowest queued job runs next. 0 puts an interrupted job first."""
    trainer: str = "embedded"
    load_in_4bit: bool = False
    """QLoRA; TRL only."""
    max_tokens_per_example: int | None = None
    """Where a row is cut; None leaves it to `tui.engine.server.example_length`."""
    run_on: str = "local"
    """The executor that runs its worker."""
    num_workers: int = 1
    """Processes that share each batch."""
    priority: int = 0
    """From -1 (low) to 1 (high); a higher one is taken from the queue first."""
    start_after: int | None = None
    """Unix seconds before which it stays in the queue; None when it may start at once."""
    worker: dict[str, str | int | float] | None = None
    """What finds its worker again: see `Executor.attach`."""
    restarts_without_progress: int = 0
    last_step: int = 0
    model_deleted: bool = False

    @property
    def is_final(self) -> bool:
        """True when nothing will change any more."""
        return self.status in FINAL

    def as_object(self, progress: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the service's job object.

        Args:
            progress: The worker's progress.json: resolved hyperparameters and the estimated finish.
        """
        resolved = (progress or {}).get("resolved_hyperparameters")
        known = {**self.hyperparameters, **resolved} if isinstance(resolved, dict) else self.hyperparameters
        shown = {name: known[name] for name in self.hyperparameters}
        running = self.status == "running"
        return {
            "object": "fine_tuning.job",
            "id": self.id,
            "model": self.model,
            "created_at": self.created_at,
            "finished_at": self.finished_at,
            "fine_tuned_model": self.planned_model if self.status == "succeeded" else None,
            "organization_id": ORGANIZATION,
            "result_files": self.result_files,
            "status": self.status,
            "validation_file": self.validation_file,
            "training_file": self.training_file,
            "hyperparameters": shown if self.method == "supervised" else None,
            "trained_tokens": self.trained_tokens,
            "error": self.error or {},
            "user_provided_suffix": self.suffix,
            "seed": self.seed,
            "estimated_finish": (progress or {}).get("estimated_finish") if running else None,
            "integrations": [],
            "metadata": self.metadata,
            "usage_metrics": None,
            "shared_with_openai": False,
            "eval_id": None,
            "method": {"type": self.method, self.method: {"hyperparameters": shown}},
            **self._beyond_the_service(),
        }

    def _beyond_the_service(self) -> dict[str, Any]:
        """Return what the service has no field for, if asked for: a plain job looks as it does there."""
        plain = JobRecord.__dataclass_fields__
        names = (
            "trainer", "load_in_4bit", "max_tokens_per_example", "run_on", "num_workers", "priority",
            "start_after",
        )  # fmt: skip
        asked = {name: value for name in names if (value := getattr(self, name)) != plain[name].default}
        if self.status == "queued":
            asked["queue_order"] = self.queue_order
        return {"tunedeck": asked} if asked else {}

    def as_json(self) -> dict[str, Any]:
        """Return what job.json holds."""
        return asdict(self)


def record_from_json(value: dict[str, Any]) -> JobRecord | None:
    """Return the record in `value`, or None when it is not one."""
    known = {name: value[name] for name in JobRecord.__dataclass_fields__ if name in value}
    if isinstance(pid := value.get("worker_pid"), int):  # so they were kept until 0.1.0
        known["worker"] = {"pid": pid, "created": value.get("worker_created") or 0.0}
    try:
        record = JobRecord(**known)
    except TypeError:
        return None
    sound = isinstance(record.status, str) and isinstance(record.order, int)
    sound = sound and isinstance(record.hyperparameters, dict) and isinstance(record.result_files, list)
    return record if sound and isinstance(record.queue_order, int) else None
