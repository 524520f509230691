"""A base model as transformers opens it; one in the embedded engine's own form is written out once."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from tui.engine.atomic_files import read_json_object, write_json_atomically
from tui.engine.transformers_base import is_transformers_base
from tui.errors import TunedeckError
from tui.file_lock import FileLock

KEPT_IN = ".transformers"
"""Beside the base models; no model's name begins with a dot."""
_SIGN = "written-from.json"
_POLL_SECONDS = 0.5


def transformers_folder(base_folder: Path) -> Path:
    """Return a folder that transformers opens, made from an embedded-format base if it is not there yet.

    Weights are written as float32, as they are kept; 540 MB for the 135M base (2026-11-30).

    Raises:
        TunedeckError: The folder is no base model, or its rope scaling has no word in transformers.
        OSError: The disk is full.
    """
    if is_transformers_base(base_folder):
        return base_folder
    sign = _sign_of(base_folder)
    root = base_folder.parent / KEPT_IN
    root.mkdir(mode=0o700, exist_ok=True)
    target = root / base_folder.name
    lock = FileLock(root / f".{base_folder.name}.lock")
    while not lock.acquire():  # another job of this base writes it just now
        time.sleep(_POLL_SECONDS)
    with lock:
        if read_json_object(target / _SIGN) != sign:
            _write(base_folder, target, sign)
    return target


def forget_transformers_folder(base_folder: Path) -> None:
    """Delete what `transformers_folder` made of a base model, if it made anything."""
    shutil.rmtree(base_folder.parent / KEPT_IN / base_folder.name, ignore_errors=True)


def _sign_of(base_folder: Path) -> dict[str, int]:
    """Return what tells these weights from later ones of the same name."""
    try:
        told = (base_folder / "weights.safetensors").stat()
    except OSError as error:
        raise TunedeckError(
            f"{base_folder} is not a prepared base model: {error.strerror}.",
            "Add the model again: tunedeck engine add PATH",
        ) from error
    return {"bytes": told.st_size, "modified": told.st_mtime_ns}


def _write(base_folder: Path, target: Path, sign: dict[str, int]) -> None:
    from tui.engine.export.hugging_face import write_merged  # numpy, only when it is not there yet
    from tui.engine.llama.base_model import load_base_model

    base = load_base_model(base_folder)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        write_merged(base, base_folder, None, temporary, "float32", lambda _done, _total: None)
        write_json_atomically(temporary / _SIGN, sign)
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
