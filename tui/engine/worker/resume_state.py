"""The point a run goes on from after a pause or a crash: state/ of a run folder.

Arrays go into a file named by their step; resume.json, replaced atomically, names the file that counts. A
crash while writing leaves the previous point whole.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from tui.engine.atomic_files import read_json_object, write_json_atomically
from tui.engine.llama.safetensors_file import open_tensors, write_tensors
from tui.errors import TunedeckError

Array = npt.NDArray[Any]
RESUME = "resume.json"


def save_state(folder: Path, step: int, arrays: Mapping[str, Array], seconds: float) -> None:
    """Keep `arrays` as the state after `step`, and forget earlier ones.

    Args:
        folder: state/.
        step: Steps done.
        arrays: float32.
        seconds: Spent training so far.
    """
    folder.mkdir(exist_ok=True)
    target = folder / f"step-{step:06d}.safetensors"
    temporary = target.with_suffix(".tmp")
    write_tensors(temporary, {name: array.shape for name, array in arrays.items()}, arrays.items())
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(target)
    write_json_atomically(
        folder / RESUME, {"step": step, "arrays": target.name, "seconds": round(seconds, 3)}
    )
    for other in folder.iterdir():
        if other.suffix in (".safetensors", ".tmp") and other != target:
            other.unlink(missing_ok=True)


def load_state(folder: Path) -> tuple[int, dict[str, Array], float] | None:
    """Return steps done, arrays and seconds spent; None when there is nothing sound to go on from."""
    data = read_json_object(folder / RESUME)
    if data is None:
        return None
    try:
        return int(data["step"]), open_tensors(folder / Path(data["arrays"]).name), float(data["seconds"])
    except (KeyError, TypeError, ValueError, TunedeckError):
        return None


def discard_state(folder: Path) -> None:
    """Delete the arrays, which are the largest thing in a run folder."""
    with contextlib.suppress(FileNotFoundError):
        for file in folder.iterdir():
            file.unlink(missing_ok=True)
