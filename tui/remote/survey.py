"""What the other machine has: Python, disk, memory, GPUs, and what of ours is there already."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tui.errors import TunedeckError
from tui.remote.ssh import Ssh, quoted

OLDEST, NEWEST = (3, 11), (3, 14)
"""Versions of Python that this program runs on, as pyproject.toml says."""
USUAL_FOLDER = ".tunedeck-engine"
MARKER = ".made-by-tunedeck"
"""File that says the folder is ours; without it nothing there is ever deleted."""
_SCRIPT = """
dir={folder}
case "$dir" in /*) ;; *) dir="$HOME/$dir" ;; esac
echo "folder=$dir"
echo "system=$(uname -s) $(uname -m)"
for python in {pythons}; do
  version=$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || continue
  pip=no
  "$python" -c 'import venv, ensurepip' >/dev/null 2>&1 && pip=yes
  echo "python=$version $pip $(command -v "$python")"
done
place=$dir
while [ ! -d "$place" ] && [ "$place" != / ]; do place=$(dirname "$place"); done
[ -w "$place" ] && echo "writable=yes" || echo "writable=no"
echo "free_kb=$(df -Pk "$place" 2>/dev/null | awk 'NR==2 {{ print $4 }}')"
if [ -r /proc/meminfo ]; then
  echo "memory_kb=$(awk '/^MemTotal:/ {{ print $2 }}' /proc/meminfo)"
else
  echo "memory_kb=$(( $(sysctl -n hw.memsize 2>/dev/null || echo 0) / 1024 ))"
fi
echo "processors=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 0)"
if command -v nvidia-smi >/dev/null 2>&1; then
  nvidia-smi --query-gpu=name,memory.total --format=csv,noheader 2>/dev/null | sed 's/^/gpu=/'
fi
[ -e "$dir/{marker}" ] && echo "ours=yes"
[ -d "$dir" ] && [ -n "$(ls -A "$dir" 2>/dev/null)" ] && echo "filled=yes"
for done in "$dir"/venvs/*/installed; do
  [ -e "$done" ] && echo "installation=$(basename "$(dirname "$done")")"
done
true
"""
_USUAL_PYTHONS = ("python3", *(f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)))


@dataclass(frozen=True, slots=True)
class FoundPython:
    """A Python on the other machine."""

    version: tuple[int, int, int]
    path: str
    has_pip: bool
    """It can make a virtual environment with pip in it."""

    @property
    def words(self) -> str:
        """The version as people write it."""
        return ".".join(map(str, self.version))


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found on the other machine."""

    folder: str
    """Absolute path of our folder there, which need not exist."""
    system: str
    """Kernel and processor, such as "Linux x86_64"."""
    pythons: tuple[FoundPython, ...]
    free_bytes: int | None
    """Room on the disk of the folder; None where it could not be told."""
    memory_bytes: int | None
    processors: int
    gpus: tuple[str, ...]
    """Name and memory of each, as nvidia-smi says them; empty without the command."""
    is_writable: bool
    is_ours: bool
    """Something of ours is in the folder already."""
    is_foreign: bool
    """Something is in the folder, and it is not ours."""
    installations: tuple[str, ...] = ()
    """Virtual environments there that were finished."""


def survey(ssh: Ssh, folder: str = USUAL_FOLDER, python: str | None = None) -> Survey:
    """Look at the other machine; nothing is changed there.

    Args:
        ssh: The machine.
        folder: Where ours is, or shall be; relative to the home folder there unless absolute.
        python: The one to use; None looks for the usual ones.

    Raises:
        SshError: The machine was not reached.
    """
    names = (python,) if python else _USUAL_PYTHONS
    script = _SCRIPT.format(
        folder=quoted(folder), pythons=" ".join(map(quoted, names)), marker=MARKER
    )  # fmt: skip
    return read_survey(ssh.run(script))


def read_survey(printed: str) -> Survey:
    """Return what the script's lines say."""
    pairs = [line.partition("=")[::2] for line in printed.splitlines()]
    first = {name: value.strip() for name, value in reversed(pairs)}
    is_ours = first.get("ours") == "yes"
    return Survey(
        folder=first.get("folder", ""),
        system=first.get("system", ""),
        pythons=tuple(filter(None, (_python(value) for name, value in pairs if name == "python"))),
        free_bytes=_kilobytes(first.get("free_kb", "")),
        memory_bytes=_kilobytes(first.get("memory_kb", "")),
        processors=int(first["processors"]) if first.get("processors", "").isdigit() else 0,
        gpus=tuple(value.strip() for name, value in pairs if name == "gpu"),
        is_writable=first.get("writable") == "yes",
        is_ours=is_ours,
        is_foreign=first.get("filled") == "yes" and not is_ours,
        installations=tuple(value for name, value in pairs if name == "installation"),
    )


def usable_python(found: Survey, target: str) -> FoundPython:
    """Return the Python to install into.

    Raises:
        TunedeckError: There is none new enough, or it can't make a virtual environment.
    """
    fitting = [one for one in found.pythons if OLDEST <= one.version[:2] <= NEWEST]
    wanted = f"Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    if not fitting:
        seen = ", ".join(f"{one.words} ({one.path})" for one in found.pythons) or "none at all"
        raise TunedeckError(
            f"{target} has no {wanted}; found: {seen}.",
            "Install one there (the system's package, uv, conda), or name one: --python /path/to/python.",
        )
    with_pip = [one for one in fitting if one.has_pip]
    if not with_pip:
        major, minor, _ = fitting[0].version
        raise TunedeckError(
            f"Python {major}.{minor} on {target} can't make a virtual environment: venv or pip is missing.",
            f"On Debian and Ubuntu: sudo apt install python{major}.{minor}-venv. "
            "Or name another one: --python /path/to/python.",
        )
    return with_pip[0]


def _python(value: str) -> FoundPython | None:
    found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+) (yes|no) (\S.*)", value.strip())
    if found is None:
        return None
    major, minor, patch = (int(found[number]) for number in (1, 2, 3))
    return FoundPython((major, minor, patch), found[5], found[4] == "yes")


def _kilobytes(text: str) -> int | None:
    return int(text) * 1024 if text.isdigit() and int(text) > 0 else None
