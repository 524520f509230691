"""Copies everything about a job into a folder that can be read without tunedeck."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tui import atomic, paths
from tui.errors import TunedeckError, is_out_of_space
from tui.jobs import archive_texts as texts
from tui.jobs.ports import JobServices
from tui.providers.profile_data import LOCAL_NAME
from tui.providers.profiles import profile
from tui.providers.protocol import ProviderError
from tui.records.jobs import Job
from tui.store.archive_queries import ARCHIVED_TRAINING, ArchiveNote
from tui.store.launch_rows import LaunchRecord

MANIFEST = "manifest.json"
"""Written last: a folder with it is whole."""
_PARTIAL = ".partial"
_BLOCK = 1 << 20
_PLAIN_NAME = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """One file of the copy."""

    name: str
    """Path below the folder, with slashes."""
    bytes: int
    sha256: str
    origin: str
    """Where it comes from, in words."""


@dataclass(frozen=True, slots=True)
class ArchiveResult:
    """What a copy holds, and what could not be had."""

    folder: Path
    files: tuple[ArchivedFile, ...]
    missing: tuple[tuple[str, str], ...]
    """(what, why)."""

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)


@dataclass(slots=True)
class _Copy:
    """A copy that is being made."""

    services: JobServices
    job: Job
    launch: LaunchRecord | None
    folder: Path
    on_step: Callable[[str], None]
    files: list[ArchivedFile] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)


def archive_folder(job: Job, below: Path | None = None) -> Path:
    """Return the folder of a job's copy, which need not exist.

    Args:
        job: The job.
        below: Where copies are kept; the data folder's own place when None.
    """
    return (below or paths.archive_dir()) / _folder_name(job.account) / _folder_name(job.id)


def archive_job(
    services: JobServices,
    job: Job,
    *,
    below: Path | None = None,
    on_step: Callable[[str], None] = lambda name: None,
) -> ArchiveResult:
    """Copy everything that is kept here or can be had from the service, and return what that was.

    A new copy grows beside its place and takes its name when it is whole. One that was broken off is gone on
    with: what is there already is not asked for again. What the service has deleted is told as missing.

    Args:
        services: The store and the providers.
        job: As the store knows it.
        below: Where copies are kept.
        on_step: Told the name of each file before it is copied.

    Raises:
        ProviderError: The service can't be asked now; the next attempt goes on.
        TunedeckError: The disk is full, or the folder can't be written.
    """
    final = archive_folder(job, below)
    work = final if final.exists() else final.with_name(final.name + _PARTIAL)
    launch = services.store.launch_of_job(job.account, job.id)
    copy = _Copy(services, job, launch, work, on_step)
    try:
        paths.make_private(work)
        _sweep(work)
        _copy_all(copy)
        if work != final:
            os.replace(work, final)
        atomic.sync_folders({final.parent})
    except OSError as error:
        raise _told(error, job, work) from None
    result = ArchiveResult(final, tuple(copy.files), tuple(copy.missing))
    services.store.note_archive(ArchiveNote(job.account, job.id, str(final), None, None))
    return result


def _sweep(folder: Path) -> None:
    """Remove what a killed copy had not finished."""
    for left in [*folder.glob(".*.part"), *folder.glob("adapter/.*.part")]:
        left.unlink(missing_ok=True)


def _copy_all(copy: _Copy) -> None:
    job, store = copy.job, copy.services.store
    launch = copy.launch
    metrics, checkpoints = store.metrics(job.account, job.id), store.checkpoints(job.account, job.id)
    events = store.events(job.account, job.id)
    _copy_data(copy, ARCHIVED_TRAINING, job.training_file, launch.dataset_path if launch else None)
    _copy_data(copy, "validation.jsonl", job.validation_file, None)
    for number, file_id in enumerate(job.result_files, 1):
        _copy_data(copy, f"result-{number}.csv", file_id, None)
    _copy_weights(copy)
    _write(copy, "job.json", texts.job_text(job, launch), "the service's answer and the launch")
    _write(copy, "events.jsonl", texts.events_text(events), "events of the job")
    _write(copy, "metrics.csv", texts.metrics_text(metrics), "events and result files together")
    _write(copy, "checkpoints.json", texts.checkpoints_text(checkpoints), "checkpoints of the job")
    found = texts.diagnosis_of(job, metrics, events)
    readme = texts.readme_text(job, [file.name for file in copy.files], copy.missing, found)
    _write(copy, "README.txt", readme, "written for this copy")
    manifest = {
        "account": job.account, "job": job.id, "state": str(job.state),
        "files": [_file_json(file) for file in copy.files],
        "missing": [{"what": what, "why": why} for what, why in copy.missing],
    }  # fmt: skip
    atomic.write_bytes(copy.folder / MANIFEST, texts.json_bytes(manifest))


def _copy_data(copy: _Copy, name: str, file_id: str | None, known_path: Path | None) -> None:
    """Copy a file of the job, from this machine when the very same lies there, else from the service."""
    if file_id is None:
        return
    target = copy.folder / name
    if not target.exists():
        copy.on_step(name)
        if not (known_path is not None and _copy_known(copy, known_path, target)):
            try:
                content = copy.services.provider(copy.job.account).file_content(file_id)
            except ProviderError as error:
                if error.retryable:
                    raise
                copy.missing.append((f"{name} ({file_id})", error.message))
                return
            atomic.write_bytes(target, content)
    copy.files.append(_described(copy.folder, name, f"file {file_id}"))


def _copy_known(copy: _Copy, path: Path, target: Path) -> bool:
    """Copy a dataset from its own place; False when it is gone or not what was launched any more."""
    launch = copy.launch
    try:
        if launch is None or _sha256(path) != launch.dataset_sha256:
            return False
        source = path.open("rb")
    except OSError:
        return False
    with source, atomic.beside(target) as file:
        shutil.copyfileobj(source, file, _BLOCK)
        atomic.settle(file)
        if _sha256(Path(file.name)) != launch.dataset_sha256:
            return False  # it changed under the copy
        atomic.put(file, target)
    return True


def _copy_weights(copy: _Copy) -> None:
    """Copy the adapter: from this machine's engine, or from a service that gives it out."""
    if _gives_weights(copy):
        _fetch_weights(copy)
        return
    source = paths.engine_job_dir(copy.job.id) / "adapter" if copy.job.account == LOCAL_NAME else None
    if source is None or not source.is_dir():
        if copy.job.fine_tuned_model:
            copy.missing.append(("weights", f"{copy.job.account} does not give them out."))
        return
    (copy.folder / "adapter").mkdir(exist_ok=True)
    for path in sorted(source.iterdir()):
        name = f"adapter/{path.name}"
        if not path.is_file() or path.is_symlink():
            continue
        if not (copy.folder / name).exists():
            copy.on_step(name)
            _link_or_copy(path, copy.folder / name)
        copy.files.append(_described(copy.folder, name, "weights of the local engine"))


def _gives_weights(copy: _Copy) -> bool:
    known = [one.provider for one in copy.services.accounts() if one.name == copy.job.account]
    return bool(copy.job.fine_tuned_model and known) and profile(known[0]).gives_weights


def _fetch_weights(copy: _Copy) -> None:
    folder = copy.folder / "adapter"
    folder.mkdir(exist_ok=True)
    path = next(iter(sorted(folder.glob("weights.tar.*"))), None)
    if path is None:
        copy.on_step("adapter/weights")
        try:
            path = copy.services.provider(copy.job.account).fetch_weights(copy.job, folder)
        except ProviderError as error:
            if error.retryable:
                raise
            copy.missing.append(("weights", f"{error.message} {error.remedy}".strip()))
            return
    copy.files.append(_described(copy.folder, f"adapter/{path.name}", "weights, from the service"))


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)  # weights are written once, so one place on the disk serves both names
    except OSError:
        with source.open("rb") as reader, atomic.beside(target) as file:
            shutil.copyfileobj(reader, file, _BLOCK)
            atomic.settle(file)
            atomic.put(file, target)


def _write(copy: _Copy, name: str, content: bytes, origin: str) -> None:
    atomic.write_bytes(copy.folder / name, content)
    copy.files.append(ArchivedFile(name, len(content), hashlib.sha256(content).hexdigest(), origin))


def _described(folder: Path, name: str, origin: str) -> ArchivedFile:
    path = folder / name
    return ArchivedFile(name, path.stat().st_size, _sha256(path), origin)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _file_json(file: ArchivedFile) -> dict[str, Any]:
    return {"name": file.name, "bytes": file.bytes, "sha256": file.sha256, "from": file.origin}


def result_json(result: ArchiveResult) -> dict[str, Any]:
    """Return a copy for `--json`."""
    return {
        "folder": str(result.folder), "bytes": result.bytes,
        "files": [_file_json(file) for file in result.files],
        "missing": [{"what": what, "why": why} for what, why in result.missing],
    }  # fmt: skip


def _folder_name(name: str) -> str:
    """Return a name that is a plain folder on every system; different names stay different."""
    plain = _PLAIN_NAME.sub("_", name)[:100].lstrip(".") or "_"
    if plain == name:
        return plain
    digest = hashlib.sha256(json.dumps(name).encode()).hexdigest()[:8]
    return f"{plain}-{digest}"


def _told(error: OSError, job: Job, folder: Path) -> TunedeckError:
    again = f"What is copied already stays; `tunedeck archive {job.id}` goes on from there."
    if is_out_of_space(error):
        return TunedeckError(f"The disk that holds {folder} is full. {again}", "Free some space there.")
    return TunedeckError(
        f"{error.filename or folder} can't be written: {error.strerror or error}. {again}",
        "Check the folder's permissions, or choose another with --to.",
    )
