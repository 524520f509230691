"""A dataset as only the store knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DatasetRecord:
    """A dataset that was checked once, as it was then."""

    path: Path
    sha256: str
    bytes: int
    rows: int
    format: str
    valid: bool
    counts: Mapping[str, int]
    """Findings: {"error", "warning", "info"} -> how many."""
    opened_at: int
