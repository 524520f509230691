"""Tuned models that have been put where they answer, at services where that is a step of its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DeploymentState(StrEnum):
    """The state of a deployment in our words; the service's own stays beside it."""

    STARTING = "starting"
    READY = "ready"
    ENDING = "ending"
    FAILED = "failed"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Deployment:
    """A model that a service keeps ready to answer; it may cost by the hour, used or not."""

    account: str
    name: str
    """The name to chat with, and to delete it by."""
    model: str
    """The tuned model that it serves, or what the service says it was made from."""
    state: DeploymentState
    raw_state: str
    tier: str = ""
    """How it is hosted, in the catalog's words; empty where there is one way only."""
    capacity: int | None = None
    """Thousands of tokens a minute that are set aside."""
    created_at: int | None = None
    """Unix seconds."""
    problem: str = ""
    """Why it failed, in the service's words."""
    source_job: str = ""
    """Id of the job that made the model, where the service tells it."""


@dataclass(frozen=True, slots=True)
class DeploymentRequest:
    """What is to be deployed."""

    name: str
    model: str
    base_model: str
    job_id: str | None = None
    checkpoint_id: str | None = None
    """The service's id of the checkpoint; of a job's final model, that of its last one."""
    is_checkpoint: bool = False
    """That checkpoint is meant, not the job's final model."""
    tier: str = ""
    capacity: int | None = None
