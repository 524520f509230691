"""The files of a plan as they go up: the chosen ones, or the two parts of a split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tui import paths
from tui.errors import TunedeckError
from tui.jobs.plan import LaunchPlan
from tui.jobs.reports import file_sha256

_NAME_DIGITS = 16
DEFAULT_SPLIT_SEED = 42


@dataclass(frozen=True, slots=True)
class JobFiles:
    """What is uploaded for a plan."""

    training: Path
    validation: Path | None


def job_files(plan: LaunchPlan) -> JobFiles:
    """Return the plan's files; a split is made anew at the same place, with the same rows for the same seed.

    Raises:
        TunedeckError: A file can't be read, or both a split and a validation file are asked for.
    """
    if plan.split_share is None:
        return JobFiles(plan.training, plan.validation)
    if plan.validation is not None:
        raise TunedeckError("A validation file and a split were both asked for.", "Leave one of them out.")
    if not 0 < plan.split_share < 1:
        raise TunedeckError(
            f"A split of {plan.split_share:g} is out of range.",
            "Choose a share between 0 and 1, such as 0.1.",
        )
    from tui.datasets.splitting import split_file  # only a split needs it

    seed = DEFAULT_SPLIT_SEED if plan.seed is None else plan.seed
    name = f"{file_sha256(plan.training)[:_NAME_DIGITS]}-{plan.split_share:g}-{seed}"
    folder = paths.make_private(paths.cache_dir() / "splits" / name)
    training, validation = split_file(plan.training, plan.split_share, seed, folder)
    return JobFiles(training, validation)
