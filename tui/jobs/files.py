"""The files of a plan as they go up: the chosen ones, or the two parts of a split."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tui import paths
from tui.errors import TunedeckError, is_out_of_space
from tui.jobs.plan import LaunchPlan
from tui.jobs.reports import file_sha256
from tui.providers.protocol import Provider
from tui.records.requests import RemoteFile

_NAME_DIGITS = 16
_NOTE_SUFFIX = ".split.json"
"""Names the note beside a split that is whole: {file name: [bytes, modification time in ns]}."""
DEFAULT_SPLIT_SEED = 42


@dataclass(frozen=True, slots=True)
class JobFiles:
    """What is uploaded for a plan."""

    training: Path
    validation: Path | None


def is_still_there(provider: Provider, known: RemoteFile) -> bool:
    """Ask a service whether it still holds a file; blocks.

    Raises:
        ProviderError: It can't be asked.
    """
    files = provider.list_files("fine-tune")
    return any(one.id == known.id and one.bytes == known.bytes and one.status != "error" for one in files)


def job_files(plan: LaunchPlan) -> JobFiles:
    """Return the plan's files; a split is made once for a content, share and seed, and then used again.

    Raises:
        TunedeckError: A file can't be read, changes while it is split, or both a split and a validation
            file are asked for.
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
    seed = DEFAULT_SPLIT_SEED if plan.seed is None else plan.seed
    sha256 = file_sha256(plan.training)
    name = f"{sha256[:_NAME_DIGITS]}-{plan.split_share:g}-{seed}"
    folder = paths.splits_dir() / name
    note = folder / f"{plan.training.stem}{_NOTE_SUFFIX}"
    made = _made_before(note)
    if made is not None:
        return made
    try:
        paths.make_private(folder)
        return _make(plan.training, sha256, plan.split_share, seed, note)
    except (OSError, TunedeckError) as error:
        trouble = error if isinstance(error, OSError) else error.__cause__
        if isinstance(trouble, OSError) and is_out_of_space(trouble):
            raise TunedeckError(
                f"The split of {plan.training} can't be written: the disk that holds {folder} is full.",
                "Free some space there and try again.",
            ) from None
        if isinstance(error, TunedeckError):
            raise
        raise TunedeckError(
            f"The split of {plan.training} can't be written to {folder}: {error.strerror or error}.",
            "Check the folder's permissions.",
        ) from None


def _make(source: Path, sha256: str, share: float, seed: int, note: Path) -> JobFiles:
    from tui.datasets.splitting import split_file  # only a split needs it

    note.unlink(missing_ok=True)
    training, validation = split_file(source, share, seed, note.parent)
    if file_sha256(source) != sha256:  # or other rows would be found again under this content's name
        raise TunedeckError(f"{source} was written to while it was split.", "Try again.")
    parts = {path.name: _stamp(path) for path in (training, validation)}
    note.write_text(json.dumps(parts), "utf-8")
    return JobFiles(training, validation)


def _made_before(note: Path) -> JobFiles | None:
    """Return the parts that a note names, or None unless both still are as they were written."""
    try:
        parts = json.loads(note.read_text("utf-8"))
        training, validation = (note.with_name(name) for name in parts)
        if any(_stamp(note.with_name(name)) != stamp for name, stamp in parts.items()):
            return None
    except (OSError, ValueError, AttributeError):
        return None  # never made, or the program was killed while it was
    return JobFiles(training, validation)


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
