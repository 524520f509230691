"""What is asked of a service, and the files it holds for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from tui.records.jobs import Method

RUN_ID_KEY = "tunedeck_run"
"""Name under which a job's metadata carries the run id of the confirmation that made it."""


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
    price_limit: Decimal | None = None
    """US dollars that the person agreed to, for services that tell a price; None where none was known."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file held by a service."""

    id: str
    filename: str
    bytes: int
    purpose: str
    created_at: int | None = None
    status: str | None = None
