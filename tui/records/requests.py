"""What is asked of a service, and the files it holds for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tui.records.jobs import Method

RUN_ID_KEY = "tunedeck_run"
"""Name under which a job's metadata carries the run id of the confirmation that made it."""
SWEEP_KEY = "tunedeck_sweep"
"""Name under which the metadata of a sweep's job carries ID/TRIAL/RUNG, where the service keeps metadata."""


@dataclass(frozen=True, slots=True)
class WandbProject:
    """Where a service logs a job's metrics at Weights & Biases, with the key that it holds itself."""

    project: str
    entity: str | None = None
    """User or team; None takes the key's own."""

    @property
    def text(self) -> str:
        """`PROJECT`, or `PROJECT/ENTITY`."""
        return f"{self.project}/{self.entity}" if self.entity else self.project


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What a launch asks of a service; hyperparameters left out mean "auto"."""

    model: str
    training_file: str
    method: Method = Method.SUPERVISED
    validation_file: str | None = None
    hyperparameters: Mapping[str, int | float | str] = field(default_factory=dict)
    suffix: str | None = None
    seed: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    grader: Mapping[str, Any] | None = None
    """What scores the answers of a reinforcement job."""
    wandb: WandbProject | None = None
    priority: int = 0
    """From -1 (low) to 1 (high), for services that keep a queue in which it counts."""
    start_after: int | None = None
    """Unix seconds until which such a service keeps the job waiting."""
    price_limit: Decimal | None = None
    """US dollars that the person agreed to, for services that tell a price; None where none was known."""


@dataclass(frozen=True, slots=True)
class QueueChange:
    """What is to become of a job that waits; what is None stays as it is."""

    priority: int | None = None
    """From -1 (low) to 1 (high)."""
    start_after: int | None = None
    """Unix seconds; 0 lets it start as soon as there is a place."""
    place: str | None = None
    """Among those of its priority: `first`, `up`, `down` or `last`."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file held by a service."""

    id: str
    filename: str
    bytes: int
    purpose: str
    created_at: int | None = None
    status: str | None = None
