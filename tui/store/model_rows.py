"""Jobs and checkpoints as far as the ancestry of models needs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """A checkpoint with the job it belongs to."""

    account: str
    job_id: str
    model: str
    step: int
    created_at: int | None
    metrics: Mapping[str, float]
    is_listed: bool = True
    """False for one that its service has dropped since."""


@dataclass(frozen=True, slots=True)
class JobOrigin:
    """What a job began with and made."""

    account: str
    id: str
    state: str
    model: str
    """What it was trained from: a base model, a tuned one or a checkpoint."""
    method: str
    created_at: int | None
    finished_at: int | None
    fine_tuned_model: str | None
    trained_tokens: int | None
    suffix: str | None
    dataset_sha256: str | None
    """Of the training file, where it went up from here."""
    dataset: str | None
    """Path or name of the training file."""
