"""Environments on this machine: found, looked at, forgotten. One without its note is half made: not taken."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui import paths
from tui.engine.atomic_files import read_json_object
from tui.engine.environments.recipes import RECIPES, recipe_of
from tui.errors import TunedeckError

NOTE = "environment.json"
"""Written last: it holds what was installed, and its presence says that all of it is there."""
FORMAT = "tunedeck-environment-1"


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment that can be used."""

    name: str
    python: Path
    made_at: str
    """ISO time."""
    cpu_only: bool
    own: bool
    """False for one that the person made and only told us of."""
    versions: dict[str, str]
    """Of its main packages."""
    requirements: tuple[str, ...]

    @property
    def is_current(self) -> bool:
        """Say whether this version of tunedeck would ask for the same packages."""
        return not self.own or self.requirements == RECIPES[self.name].asked(cpu=self.cpu_only)

    def as_json(self) -> dict[str, Any]:
        """Return what the note holds, and what `--json` shows."""
        return {
            "format": FORMAT,
            "name": self.name,
            "python": str(self.python),
            "made_at": self.made_at,
            "cpu_only": self.cpu_only,
            "own": self.own,
            "versions": self.versions,
            "requirements": list(self.requirements),
        }


def folder_of(name: str, root: Path | None = None) -> Path:
    """Return where an environment lies, or would."""
    return (root or paths.environments_dir()) / name


def find_environment(name: str, root: Path | None = None) -> Environment | None:
    """Return an environment that is whole, or None."""
    folder = folder_of(name, root)
    note = read_json_object(folder / NOTE)
    try:
        if note is None or note["format"] != FORMAT or name not in RECIPES:
            return None
        found = Environment(
            name=name,
            python=Path(note["python"]),
            made_at=str(note["made_at"]),
            cpu_only=bool(note["cpu_only"]),
            own=bool(note["own"]),
            versions={str(key): str(value) for key, value in dict(note["versions"]).items()},
            requirements=tuple(map(str, note["requirements"])),
        )
    except (KeyError, TypeError, ValueError):
        return None
    return found if found.python.exists() else None


def environments(root: Path | None = None) -> list[Environment]:
    """Return the environments that can be used, in the order of the recipes."""
    return [found for name in RECIPES if (found := find_environment(name, root)) is not None]


def is_half_made(name: str, root: Path | None = None) -> bool:
    """Say whether an installation began and did not end."""
    return folder_of(name, root).is_dir() and find_environment(name, root) is None


def why_not(name: str, root: Path | None = None) -> str | None:
    """Return why an environment can't be used, as a sentence, or None when it can."""
    if find_environment(name, root) is not None:
        return None
    half = " (an installation of it was broken off)" if is_half_made(name, root) else ""
    return f"The environment {name!r} is not installed here{half}: run `tunedeck engine install {name}`."


def require_environment(name: str, root: Path | None = None) -> Environment:
    """Return an environment.

    Raises:
        TunedeckError: It is not there; the remedy is the command that makes it.
    """
    found = find_environment(name, root)
    if found is None:
        recipe = recipe_of(name)
        raise TunedeckError(
            f"The environment {name!r} is not installed here; it is needed to {recipe.purpose}.",
            f"Run `tunedeck engine install {name}`.",
        )
    return found


def python_in(folder: Path) -> Path:
    """Return the Python of a virtual environment's folder."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def remove_environment(name: str, root: Path | None = None) -> int:
    """Delete an environment, whole or half made, and return the bytes that were freed.

    One that the person made stays where it is and is only forgotten.

    Raises:
        TunedeckError: There is none, or it can't be deleted.
    """
    recipe_of(name)
    folder = folder_of(name, root)
    if not folder.exists():
        raise TunedeckError(f"The environment {name!r} is not installed here.")
    freed = size_of(folder)
    try:
        (folder / NOTE).unlink(missing_ok=True)  # first: from now on it is half made at most
        shutil.rmtree(folder)
    except OSError as error:
        raise TunedeckError(
            f"{folder} could not be deleted: {error.strerror or error}.",
            "Stop the jobs and servers that use it, then run the command again.",
        ) from error
    return freed


def size_of(folder: Path) -> int:
    """Return the bytes in a folder, links not followed and each file counted once."""
    total, seen = 0, set()
    for path in folder.rglob("*"):
        told = path.lstat()
        if path.is_symlink() or not path.is_file() or (told.st_dev, told.st_ino) in seen:
            continue
        seen.add((told.st_dev, told.st_ino))
        total += told.st_size
    return total
