"""A dataset as only the store knows it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class DatasetRecord(NamedTuple):
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
