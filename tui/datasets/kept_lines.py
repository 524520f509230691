"""What a check keeps of a file that may grow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tui.datasets.file_parts import Place


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of the beginning of a file that may grow: all of its lines that have a line feed."""

    start: dict[str, Any]
    """`StartFacts.as_json`."""
    place: Place
    """Where those lines end."""
    sha256: str
    """Of the bytes before."""
    state: bytes
    """`tui.datasets.scan_job.packed_state` of their scan."""
