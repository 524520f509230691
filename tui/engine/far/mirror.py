"""Trains on this machine's own disk and copies whole files to the bucket, whose mount can't append or rename.

Files whose presence says that others are complete (checkpoint.json, done.json) are copied after those.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tui
from tui.engine.atomic_files import read_json_object
from tui.engine.run_folder import DONE, STOP_CANCEL, STOP_PAUSE

MIRROR_SECONDS = 10.0
"""Between two looks at what the worker wrote and at whether it should stop."""
_LAST = ("checkpoint.json", "resume.json", "result.csv", DONE)
_NOT_MIRRORED = ("spec.json", "training.jsonl", "validation.jsonl", STOP_CANCEL, STOP_PAUSE)
_POLL_SECONDS = 0.2


def train_mirrored(mounted: Path, *, seconds: float = MIRROR_SECONDS) -> int:
    """Train the job of a mounted folder to its end, or until it should stop; return the worker's exit code.

    Args:
        mounted: The job's folder in the bucket.
        seconds: Between two copies.

    Raises:
        OSError: This machine's disk is full.
    """
    with tempfile.TemporaryDirectory(prefix="tunedeck-") as temporary:
        local = Path(temporary) / "jobs" / mounted.name
        shutil.copytree(mounted, local)
        mirror = Mirror(local, mounted)
        trainer = str((read_json_object(local / "spec.json") or {}).get("trainer", "embedded"))
        child = subprocess.Popen(
            [sys.executable, "-m", "tui.engine.far", str(local), "--trainer", trainer],
            env={**os.environ, "PYTHONPATH": str(Path(tui.__file__).parent.parent)},
        )
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())  # the worker saves, and we mirror that
        while child.poll() is None:
            mirror.copy()
            mirror.carry_wishes()
            _wait(child, seconds)
        mirror.copy()
        return child.returncode


def _wait(child: subprocess.Popen[bytes], seconds: float) -> None:
    end = time.monotonic() + seconds
    while child.poll() is None and time.monotonic() < end:
        time.sleep(_POLL_SECONDS)


class Mirror:
    """Copies a run folder to a mounted one, whole files at a time, each when it has changed."""

    def __init__(self, local: Path, mounted: Path) -> None:
        self._local = local
        self._mounted = mounted
        self._copied = {path: _sign(self._local / path) for path in self._files()}

    def copy(self) -> None:
        """Copy what has changed; a bucket that is away for a moment is tried again at the next copy."""
        present = self._files()
        for path in sorted(present, key=lambda path: _LAST.index(path.name) if path.name in _LAST else -1):
            try:
                sign = _sign(self._local / path)
                if self._copied.get(path) == sign:
                    continue
                target = self._mounted / path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self._local / path, target)
            except FileNotFoundError:
                continue  # replaced by the worker meanwhile; the next copy has it
            except OSError as error:
                sys.stderr.write(f"{path} could not be copied to the bucket: {error}\n")
                return  # what must come after it would be taken for complete
            self._copied[path] = sign
        for path in [path for path in self._copied if path not in present]:
            try:
                (self._mounted / path).unlink(missing_ok=True)
            except OSError:
                continue
            del self._copied[path]

    def carry_wishes(self) -> None:
        """Bring stop files from the bucket to the worker, which looks for them after each step."""
        for name in (STOP_CANCEL, STOP_PAUSE):
            try:
                if (self._mounted / name).exists():
                    (self._local / name).touch()
            except OSError:
                continue

    def _files(self) -> list[Path]:
        found = []
        for path in self._local.rglob("*"):
            relative = path.relative_to(self._local)
            hidden = any(part.startswith(".") for part in relative.parts)
            # Hidden files are half written; what came from the bucket needs no way back.
            if hidden or relative.parts[0] == "start_adapter" or relative.name in _NOT_MIRRORED:
                continue
            if path.is_file() and path.suffix != ".tmp":
                found.append(relative)
        return found


def _sign(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
