"""Makes an environment with Python's own venv and pip: resumed where it broke off, believed once it imports.

Which index is asked, through which proxy, is pip's own configuration; nothing of it is written here.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tui import paths
from tui.engine.atomic_files import write_json_atomically
from tui.engine.base_models.package_index import pip_commands
from tui.engine.environments.kept import (
    NOTE,
    Environment,
    find_environment,
    folder_of,
    python_in,
)
from tui.engine.environments.pip_run import Tell, run_pip
from tui.engine.environments.recipes import MEGABYTE, Recipe
from tui.errors import TunedeckError, is_out_of_space
from tui.file_lock import FileLock
from tui.paths import make_private

_PROOF = """
import importlib, importlib.metadata as m, json, sys
names = sys.argv[1:]
for name in names: importlib.import_module(name)
def version(name):
    try: return m.version(name)
    except m.PackageNotFoundError: return "?"
print(json.dumps({name: version(name) for name in names}))
"""
_PROOF_SECONDS = 600
"""torch and TRL took half a minute to import on a busy machine (2026-11-21)."""
_PIP = "pip>=24.1"
"""The first that writes its progress for programs (--progress-bar raw, 2024)."""
_SPARE = 1.15
"""Room asked for over the measured size: pip unpacks beside what it has downloaded."""


@dataclass(frozen=True, slots=True)
class InstallOptions:
    """How an environment is made."""

    cpu: bool = False
    """A torch that knows the processor only."""
    pip_arguments: tuple[str, ...] = ()
    """Passed on to pip, such as --index-url."""


def check_room(recipe: Recipe, options: InstallOptions, root: Path | None = None) -> None:
    """Refuse before anything is fetched when the disk is too full.

    Raises:
        TunedeckError: Says how much is needed and how much is free.
    """
    place = make_private(root or paths.environments_dir())
    needed = int(recipe.megabytes(cpu=options.cpu) * _SPARE)
    free = shutil.disk_usage(place).free // MEGABYTE
    if free < needed:
        raise TunedeckError(
            f"The environment {recipe.name!r} needs about {needed:,} MB of disk, "
            f"but only {free:,} MB are free where {place} lies.",
            "Free some room, or set TUNEDECK_HOME to a folder on another disk.",
        )


def install_environment(
    recipe: Recipe, options: InstallOptions, tell: Tell, root: Path | None = None
) -> Environment:
    """Make an environment, or go on with one that was broken off, and return it.

    Args:
        recipe: What it holds.
        options: How it is made.
        tell: Told what pip does.
        root: Folder of all environments.

    Raises:
        TunedeckError: pip failed, the disk is full, or what was installed does not import.
        KeyboardInterrupt: It was broken off; what is there is not taken for an environment.
    """
    check_room(recipe, options, root)
    folder = folder_of(recipe.name, root)
    requirements = recipe.asked(cpu=options.cpu)
    with _alone(folder):
        (folder / NOTE).unlink(missing_ok=True)  # from here on it is half made
        try:
            _make_venv(folder)
            pip, progress = _pip_in(python_in(folder), options.pip_arguments, tell)
            run_pip(pip, [*options.pip_arguments, *requirements], tell, progress=progress)
        except OSError as error:
            what = "the disk is full" if is_out_of_space(error) else (error.strerror or str(error))
            raise TunedeckError(
                f"The environment {recipe.name!r} could not be made in {folder}: {what}.",
                f"Run `tunedeck engine install {recipe.name}` again: it goes on with what is there.",
            ) from error
        tell("Looking whether it works", 0, 0)
        return _noted(recipe, python_in(folder), folder, cpu=options.cpu, own=True)


def adopt_environment(recipe: Recipe, place: Path, root: Path | None = None) -> Environment:
    """Take an environment that the person made: `place` is its folder or its Python.

    Raises:
        TunedeckError: There is no Python, or what the recipe needs does not import there.
    """
    python = python_in(place) if place.is_dir() else place
    if not python.exists():
        raise TunedeckError(
            f"{place} is no Python environment.", "Give its folder, or the path of its Python."
        )
    folder = folder_of(recipe.name, root)
    if (folder / "pyvenv.cfg").exists():
        raise TunedeckError(
            f"There is already an environment {recipe.name!r} here.",
            f"Delete it first: `tunedeck engine uninstall {recipe.name}`.",
        )
    with _alone(folder):
        return _noted(recipe, python.absolute(), folder, cpu=False, own=False)


def _noted(recipe: Recipe, python: Path, folder: Path, *, cpu: bool, own: bool) -> Environment:
    """Prove that an environment works, and write the note that makes it one."""
    versions = _proved(recipe, python)
    made = Environment(
        name=recipe.name,
        python=python,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        cpu_only=cpu,
        own=own,
        versions=versions,
        requirements=recipe.asked(cpu=cpu),
    )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_json_atomically(folder / NOTE, made.as_json())
    found = find_environment(recipe.name, folder.parent)
    assert found is not None
    return found


def _proved(recipe: Recipe, python: Path) -> dict[str, str]:
    """Return the versions of an environment's main packages after importing them."""
    try:
        ended = subprocess.run(
            [str(python), "-c", _PROOF, *recipe.proof],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROOF_SECONDS,
            check=False,
        )
        words = ended.stderr.decode("utf-8", "replace").strip().splitlines()
        if ended.returncode == 0:
            told = json.loads(ended.stdout.decode().strip().splitlines()[-1])
            return {str(name): str(version) for name, version in told.items()}
    except (OSError, ValueError, LookupError, subprocess.TimeoutExpired) as error:
        words = [str(error)]
    raise TunedeckError(
        f"The environment {recipe.name!r} does not work: {words[-1][:300] if words else 'it said nothing'}",
        f"Delete it with `tunedeck engine uninstall {recipe.name}` and install it again.",
    )


def _make_venv(folder: Path) -> None:
    """Make the empty environment, unless an earlier try already did; pip comes from outside."""
    make_private(folder.parent)
    if python_in(folder).exists():
        return
    venv.EnvBuilder(with_pip=False, symlinks=sys.platform != "win32").create(folder)


def _pip_in(python: Path, arguments: Sequence[str], tell: Tell) -> tuple[list[str], bool]:
    """Return a pip for the environment, and whether it tells bytes.

    The pip that Python carries may be too old to tell them, so a newer one is put inside where it can be had.
    """
    inside = [str(python), "-m", "pip"]
    if _knows_progress(inside):
        return inside, True
    commands = pip_commands()
    if not commands:
        raise TunedeckError(
            "There is no pip to install with.", "Install pip into the Python that runs tunedeck."
        )
    outside = [*commands[0], "--python", str(python)]
    try:
        run_pip(outside, [*arguments, _PIP], tell)
    except TunedeckError:
        return outside, False  # an index that has what is asked need not have a pip
    return inside, True


def _knows_progress(pip: Sequence[str]) -> bool:
    told = subprocess.run(
        [*pip, "install", "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return told.returncode == 0 and "raw" in told.stdout


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    if not lock.acquire():
        raise TunedeckError(
            f"Another tunedeck is installing the environment {folder.name!r} just now.",
            "Wait until it is done.",
        )
    with lock:
        yield
