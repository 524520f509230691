"""Checks a job's files in a process of its own: a large file must not slow the answers of the engine.

`python -m tui.engine.server.file_check FOLDER MODEL METHOD` checks training.jsonl and, where there is one,
validation.jsonl, and prints the error that they cause as JSON, or null.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tui.engine.run_folder import ENGINE_VARIABLE

_POLL_SECONDS = 0.1
_PARENT_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of Linux's prctl(2)."""
_NICENESS = 5
"""Lets answers and the person's other programs go first."""
_LAST_WORDS = 500
"""Characters of a failed check's own words that go into the job's error."""


class CheckFailed(Exception):
    """The checking process ended without a verdict."""


def check_command(folder: Path, model: str, method: str) -> list[str]:
    """Return the command line that checks the files in a run folder."""
    return [sys.executable, "-m", "tui.engine.server.file_check", str(folder), model, method]


def check_files(
    folder: Path, *, model: str, method: str, cancelled: Callable[[], bool]
) -> dict[str, Any] | None:
    """Check the files of a run folder in a process that ends with this call, and return the job's error.

    Call it from a thread that outlives the check: the process ends with its engine, and Linux tells it the
    end of the thread that started it.

    Args:
        folder: The run folder with training.jsonl, and validation.jsonl where the job has one.
        model: Base model, which decides the rules that depend on one.
        method: "supervised" or "dpo".
        cancelled: Asked ten times a second; True kills the process.

    Returns:
        The service's {"code", "message", "param"}; None when the files are sound, or when it was cancelled.

    Raises:
        CheckFailed: The process ended by itself without a verdict.
    """
    child = subprocess.Popen(
        check_command(folder, model, method),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, ENGINE_VARIABLE: str(os.getpid())},
        start_new_session=True,
    )
    try:
        while not cancelled():
            try:
                out, words = child.communicate(timeout=_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            return _verdict(child.returncode, out, words)
        return None
    finally:
        _end(child)


def _verdict(code: int, out: bytes, words: bytes) -> dict[str, Any] | None:
    if code == 0:
        verdict = json.loads(out)
        return verdict if isinstance(verdict, dict) else None
    said = words.decode("utf-8", "replace").strip()[-_LAST_WORDS:]
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    raise CheckFailed(f"the checking process ended with {how}{': ' + said if said else ''}")


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill the process with whatever it started, unless it has ended, and collect it."""
    if child.poll() is None:
        try:
            if os.name == "posix":
                os.killpg(child.pid, signal.SIGKILL)
            else:
                child.kill()
        except ProcessLookupError:
            pass  # it ended in between, which is what was wanted
        child.wait()
    for stream in (child.stdout, child.stderr):
        if stream is not None:
            stream.close()


def main() -> int:
    """Check the files named on the command line, print the verdict and return the exit code."""
    if len(sys.argv) != 4 or not Path(sys.argv[1]).is_dir():
        sys.stderr.write("usage: python -m tui.engine.server.file_check FOLDER MODEL METHOD\n")
        return 2
    folder, model, method = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    is_orphan = _watch_engine()
    from tui.engine.server.job_validation import file_error

    error = None
    for name in ("training", "validation"):
        path = folder / f"{name}.jsonl"
        if error is None and (name == "training" or path.exists()):
            error = file_error(
                path, model=model, method=method, validation=name == "validation", cancelled=is_orphan
            )
    sys.stdout.write(json.dumps(error))
    return 0


def _watch_engine() -> Callable[[], bool]:
    """Let this process end with its engine, and return what says that the engine is gone."""
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    engine = os.environ.get(ENGINE_VARIABLE, "")
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    # On Windows a virtual environment's python is a launcher, so that the parent is not the engine.
    parent = int(engine) if engine.isdecimal() and sys.platform != "win32" else os.getppid()
    if os.getppid() != parent:
        sys.exit(1)  # it went before the system was asked to tell
    return lambda: os.getppid() != parent


if __name__ == "__main__":
    sys.exit(main())
