"""The command line that trains the job of a run folder, by the trainer that the job asks for."""

from __future__ import annotations

import sys
from pathlib import Path

EMBEDDED = "embedded"
"""The trainer inside this program, on numpy."""


def worker_command(folder: Path, trainer: str) -> list[str]:
    """Return the command line of a worker.

    Args:
        folder: The run folder.
        trainer: "embedded".

    Raises:
        ValueError: There is no such trainer.
    """
    if trainer != EMBEDDED:
        raise ValueError(f"There is no trainer {trainer!r}.")
    return [sys.executable, "-m", "tui.engine.worker", str(folder)]
