"""The one job model: whatever a service calls its states and fields, the program knows these.

Home lists jobs at every start, so the smaller ones are named tuples: a frozen dataclass takes Python half a
millisecond to make, eight times as long.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple


class JobState(StrEnum):
    """The state of a job in our words; the service's own word is kept beside it in `Job.raw_status`."""

    PREPARING = "preparing"
    QUEUED = "queued"
    RUNNING = "running"
    FINISHING = "finishing"
    PAUSED = "paused"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    OTHER = "other"

    @property
    def is_final(self) -> bool:
        """True when the service will change nothing any more."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


class Method(StrEnum):
    """How a model is tuned."""

    SUPERVISED = "supervised"
    DPO = "dpo"
    REINFORCEMENT = "reinforcement"


class JobError(NamedTuple):
    """Why a job failed, in the service's words."""

    code: str | None
    message: str
    param: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A fine-tuning job of any service; every field a service may leave out is optional."""

    account: str
    """Name of the account that owns it."""
    id: str
    state: JobState
    raw_status: str
    model: str
    method: Method = Method.SUPERVISED
    created_at: int | None = None
    """Unix seconds."""
    finished_at: int | None = None
    estimated_finish: int | None = None
    fine_tuned_model: str | None = None
    training_file: str | None = None
    validation_file: str | None = None
    result_files: tuple[str, ...] = ()
    trained_tokens: int | None = None
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    suffix: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    error: JobError | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The service's whole answer, kept for the archive."""


METRIC_NAMES = (
    "train_loss",
    "train_mean_token_accuracy",
    "valid_loss",
    "valid_mean_token_accuracy",
    "full_valid_loss",
    "full_valid_mean_token_accuracy",
)
"""Names of the numbers in a metrics event, in the order of the result file's columns."""


ESTIMATED_COST = "estimated_cost"
"""Type of an event that tells a service's own estimate of a job's price: `amount` (text) and `currency`."""
PROGRESS = "progress"
"""Type of an event that tells how far a job is where the steps say nothing: `percent`."""


class JobEvent(NamedTuple):
    """One event of a job; `data` holds the metrics when `type` is "metrics"."""

    id: str
    job_id: str
    created_at: int
    level: str
    message: str
    type: str
    data: Mapping[str, Any] = {}


class Checkpoint(NamedTuple):
    """A usable snapshot of the model within a job."""

    id: str
    job_id: str
    model: str
    """The name to chat with."""
    step: int
    created_at: int | None = None
    metrics: Mapping[str, float] = {}
    is_listed: bool = True
    """The service still lists it; one that it has dropped since is history, and answers nobody."""
