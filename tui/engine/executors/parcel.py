"""What a job needs where this machine's folders are not seen, and what comes back from there.

A store holds `bases/NAME-HASH`, `jobs/JOB` and `code/...`: a folder that both sides see, or one that is
carried to a bucket and back. The far side writes into `jobs/JOB` as a worker here writes into its run folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tui.atomic import write_bytes
from tui.engine.atomic_files import read_json_object, write_json_atomically
from tui.engine.run_folder import (
    DONE,
    EVENTS,
    PROGRESS,
    RESULT,
    STOP_CANCEL,
    STOP_PAUSE,
    append_line,
    read_events,
)

SPEC, LOG = "spec.json", "worker.log"
BASES, JOBS, CODE, RAY_RUNS = "bases", "jobs", "code", "ray"
CHECKPOINTS_KEPT = 3
"""As a worker keeps them."""
_LOG_BYTES = 1_000_000
"""Of the far log's end are brought; it is only read by people."""
_INPUTS = ("training.jsonl", "validation.jsonl")


def pack(folder: Path, store: Path, there: str) -> Path:
    """Put a job into a store, ready to be trained or to go on, and return its folder there.

    Args:
        folder: The run folder here.
        store: The store, as this machine calls it.
        there: The same, as the far side calls it.

    Raises:
        OSError: The store can't be written, or its disk is full.
    """
    target = store / JOBS / folder.name
    target.mkdir(parents=True, exist_ok=True)
    for name in (DONE, STOP_PAUSE, STOP_CANCEL):
        (target / name).unlink(missing_ok=True)
    for name in _INPUTS:
        if (folder / name).exists():
            _copy_file(folder / name, target / name)
    spec = read_json_object(folder / SPEC) or {}
    base = Path(str(spec.get("base_model_folder")))
    spec["base_model_folder"] = f"{there}/{BASES}/{_pack_base(base, store / BASES)}"
    if spec.get("start_adapter"):
        _copy_folder(Path(str(spec["start_adapter"])), target / "start_adapter")
        spec["start_adapter"] = f"{there}/{JOBS}/{folder.name}/start_adapter"
    write_json_atomically(target / SPEC, spec)
    return target


def place_stop_files(folder: Path, target: Path) -> list[str]:
    """Bring the wishes of the run folder to a job's folder in the store; return their names."""
    names = [name for name in (STOP_CANCEL, STOP_PAUSE) if (folder / name).exists()]
    for name in names:
        (target / name).touch()
    return names


def forget_job(store: Path, job_id: str) -> None:
    """Delete a job's folders from a store; base models stay for the next job."""
    for part in (JOBS, RAY_RUNS):
        shutil.rmtree(store / part / job_id, ignore_errors=True)


def bring_back(source: Path, folder: Path) -> None:
    """Bring what a worker wrote into the run folder: steps once, checkpoints whole, the verdict last.

    Args:
        source: The job's folder in the store.
        folder: The run folder here.

    Raises:
        OSError: One of the two can't be read or written.
    """
    verdict = source / DONE
    over = verdict.exists()  # asked first: what was written before the verdict is there by now
    _bring_events(source, folder)
    for name in (PROGRESS, RESULT):
        _copy_if_changed(source / name, folder / name)
    _bring_log(source / LOG, folder / LOG)
    _bring_checkpoints(source / "checkpoints", folder / "checkpoints")
    if over:
        if (source / "adapter").is_dir():
            _copy_folder(source / "adapter", folder / "adapter")
        _copy_if_changed(verdict, folder / DONE)


def _bring_events(source: Path, folder: Path) -> None:
    """Append far events that are not here; a step measured again after a restart is not told twice."""
    known = read_events(folder)
    ids = {event.get("id") for event in known}
    steps = {step for event in known if (step := _step(event)) is not None}
    for event in read_events(source):
        step = _step(event)
        if event.get("id") in ids or (step is not None and step in steps):
            continue
        append_line(folder / EVENTS, event)
        ids.add(event.get("id"))
        if step is not None:
            steps.add(step)


def _step(event: dict[str, Any]) -> int | None:
    """Return the step that a metrics event measures."""
    data = event.get("data")
    if event.get("type") != "metrics" or not isinstance(data, dict):
        return None
    step = data.get("step")
    return step if isinstance(step, int) else None


def _bring_checkpoints(source: Path, target: Path) -> None:
    whole = [path for path in source.glob("step-*") if (path / "checkpoint.json").exists()]
    there = {path.name: path for path in sorted(whole)[-CHECKPOINTS_KEPT:]}
    if not there:
        return
    target.mkdir(exist_ok=True)
    for name, path in there.items():
        if not (target / name / "checkpoint.json").exists():
            _copy_folder(path, target / name)
    for path in target.glob("step-*"):
        if path.name not in there:  # the far side keeps the last three
            shutil.rmtree(path, ignore_errors=True)


def _bring_log(source: Path, target: Path) -> None:
    try:
        with source.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _LOG_BYTES))
            content = file.read()
    except OSError:
        return
    if not target.exists() or target.read_bytes() != content:
        write_bytes(target, content)


def _pack_base(base: Path, store: Path) -> str:
    """Copy a base model into the store unless it is there, and return its name in it."""
    name = f"{base.name}-{_fingerprint(base)}"
    if not (store / name).is_dir():
        store.mkdir(parents=True, exist_ok=True)
        _copy_folder(base, store / name)
    return name


def _fingerprint(folder: Path) -> str:
    """Name a folder's content by names, sizes and times: reading gigabytes for a hash would take minutes."""
    facts = []
    for path in _files(folder):
        status = path.stat()
        facts.append([path.relative_to(folder).as_posix(), status.st_size, status.st_mtime_ns])
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _copy_folder(source: Path, target: Path) -> None:
    """Copy a folder beside its place, then rename: whole or not at all."""
    temporary = target.with_name(f".{target.name}-{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        shutil.copytree(source, temporary)
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _copy_file(source: Path, target: Path) -> None:
    status = source.stat()
    if target.exists() and target.stat().st_size == status.st_size:
        return  # a job's files never change
    temporary = target.with_name(f".{target.name}-{os.getpid()}")
    try:
        shutil.copyfile(source, temporary)
        temporary.rename(target)
    finally:
        temporary.unlink(missing_ok=True)


def _copy_if_changed(source: Path, target: Path) -> None:
    try:
        content = source.read_bytes()
    except FileNotFoundError:
        return
    if not target.exists() or target.read_bytes() != content:
        write_bytes(target, content)
