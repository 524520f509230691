"""The command line that trains the job of a run folder, by the trainer that the job asks for."""

from __future__ import annotations

import sys
from pathlib import Path

from tui import paths
from tui.engine.bundle import bundle_folder
from tui.engine.environments.kept import require_environment

EMBEDDED = "embedded"
"""The trainer inside this program, on numpy."""

TRL = "trl"
"""TRL and PEFT, in the environment "gpu"."""


def worker_command(folder: Path, trainer: str) -> list[str]:
    """Return the command line of a worker.

    Args:
        folder: The run folder.
        trainer: "embedded" or "trl".

    Raises:
        TunedeckError: The environment of that trainer is not installed.
        ValueError: There is no such trainer.
        OSError: The disk is full.
    """
    if trainer == EMBEDDED:
        return [sys.executable, "-m", "tui.engine.worker", str(folder)]
    if trainer != TRL:
        raise ValueError(f"There is no trainer {trainer!r}.")
    python = require_environment("gpu").python
    return [str(python), str(bundle_folder(bundles_dir())), str(folder)]


def bundles_dir() -> Path:
    """Return the folder of the copies of our modules that other environments run."""
    return paths.environments_dir() / ".bundles"
