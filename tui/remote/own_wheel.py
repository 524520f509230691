"""The running program as a wheel, so that the other machine gets the very same code.

A wheel is a zip with four small files beside the code (binary distribution format, PyPA, read 2026-11). It is
written with fixed times: the same code gives the same bytes, and so the same name of the installation.
"""

from __future__ import annotations

import base64
import hashlib
import re
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import tui
from tui import __version__
from tui.errors import TunedeckError

_PACKAGES = ("tui", "screens")
_TIME = (2020, 1, 1, 0, 0, 0)
_WHEEL = b"Wheel-Version: 1.0\nGenerator: tunedeck\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class OwnWheel:
    """A wheel of the running code."""

    path: Path
    key: str
    """Version and a piece of its hash: names the installation."""
    bytes: int


def build_wheel(folder: Path) -> OwnWheel:
    """Write the wheel into a folder.

    Raises:
        TunedeckError: This copy of the program was not installed, so it does not know what it needs.
    """
    described = _metadata()
    path = folder / f"tunedeck-{__version__}-py3-none-any.whl"
    info = f"tunedeck-{__version__}.dist-info"
    small = {
        f"{info}/METADATA": described.encode(),
        f"{info}/WHEEL": _WHEEL,
        f"{info}/entry_points.txt": b"[console_scripts]\ntunedeck = tui.__main__:main\n",
    }
    noted = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (*_files(), *small.items()):
            _add(archive, name, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            noted.append(f"{name},sha256={digest},{len(content)}")
        noted.append(f"{info}/RECORD,,")
        _add(archive, f"{info}/RECORD", ("\n".join(noted) + "\n").encode())
    content = path.read_bytes()
    return OwnWheel(path, f"{__version__}-{hashlib.sha256(content).hexdigest()[:10]}", len(content))


def installed_bytes() -> int:
    """Return what this program takes on this machine with all it needs, without extras.

    The other machine's packages differ a little; the figure is measured, not looked up.
    """
    total = sum(len(content) for _, content in _files())
    seen: set[str] = set()
    waiting = _required(_requirements())
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # meant for another system
        for entry in found.files or ():
            try:
                total += Path(str(found.locate_file(entry))).stat().st_size
            except OSError:
                continue
        waiting += _required(found.requires or [])
    return total


def _required(lines: list[str]) -> list[str]:
    found = (_NAME.match(line) for line in lines if "extra ==" not in line)
    return [match[0].lower() for match in found if match]


def _metadata() -> str:
    lines = ["Metadata-Version: 2.1", "Name: tunedeck", f"Version: {__version__}", "Requires-Python: >=3.11"]
    return "\n".join([*lines, *(f"Requires-Dist: {line}" for line in _requirements())]) + "\n"


def _requirements() -> list[str]:
    """Return what this program needs without extras, from its project file where it runs from its sources.

    What pip noted of a source tree is as old as its installation.

    Raises:
        TunedeckError: This copy has neither.
    """
    try:
        project = tomllib.loads((_root() / "pyproject.toml").read_text("utf-8"))["project"]
        if project["name"] == "tunedeck":
            return [str(line) for line in project["dependencies"]]
    except (OSError, ValueError, KeyError):
        pass
    try:
        return [line for line in metadata.requires("tunedeck") or [] if "extra ==" not in line]
    except metadata.PackageNotFoundError:
        raise TunedeckError(
            "This copy of tunedeck was not installed by pip, so it does not know which packages it needs.",
            "Install it with pip (from its folder: pip install .) and deploy again.",
        ) from None


def _root() -> Path:
    return Path(tui.__file__).resolve().parents[1]


def _files() -> Iterator[tuple[str, bytes]]:
    root = _root()
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
                yield path.relative_to(root).as_posix(), path.read_bytes()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)
