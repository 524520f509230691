"""What a person confirmed to launch, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class LaunchState(StrEnum):
    """How far a confirmed launch has come."""

    PREPARING = "preparing"
    CREATING = "creating"
    """The request was sent, or was about to be: a job may exist."""
    UNKNOWN = "unknown"
    """No answer came, and the service does not list the job (yet)."""
    CREATED = "created"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class LaunchRecord:
    """One confirmation of a price, and what came of it."""

    run_id: str
    account: str
    state: LaunchState
    request: Mapping[str, Any]
    fingerprint: str
    """Hash of everything that makes two launches the same: data, model, method, parameters."""
    dataset_path: Path
    dataset_sha256: str
    price: Mapping[str, Any]
    job_id: str | None
    problem: str | None
    created_at: int
    """When it was confirmed (unix seconds), or when its creation was last sent."""


@dataclass(frozen=True, slots=True)
class QueuedLaunch:
    """A launch that its service put off, or that a person wants to start later."""

    record: LaunchRecord
    due_at: int
    """Unix second after which it is sent."""
    priority: int = 0
    """From -1 (low) to 1 (high)."""
    position: int = 0
    """Among those of one priority, the lowest goes first."""
    is_wished: bool = False
    """It waits because a person wants it to; otherwise its service refused it."""
