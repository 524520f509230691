"""One run of pip, told as it goes and ended with us: what it fetches, how far, and why it failed."""

from __future__ import annotations

import collections
import os
import re
import signal
import subprocess
from collections.abc import Callable, Sequence

from tui.engine.environments.recipes import CPU_TORCH
from tui.errors import TunedeckError

Tell = Callable[[str, int, int], None]
"""Told what is being done, and bytes done and in all; 0 and 0 where there are none to count."""

_FETCHING = re.compile(r"\s*Downloading (\S+)")
_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_GRACE = 10.0
"""Seconds that pip gets to leave."""
_FULL = ("No space left on device", "Disk quota exceeded")
_LAST_LINES = 40


def run_pip(pip: Sequence[str], arguments: Sequence[str], tell: Tell, *, progress: bool = False) -> None:
    """Install packages.

    Args:
        pip: The command, with the Python that it installs for.
        arguments: Requirements, and options of the person's.
        tell: Told how far it is.
        progress: Whether this pip can tell bytes.

    Raises:
        TunedeckError: pip's own last words, and what to do.
        KeyboardInterrupt: It was broken off; pip is gone by then.
    """
    told = "raw" if progress else "off"
    command = [*pip, "install", "--disable-pip-version-check", "--no-input", "--progress-bar", told]
    process = subprocess.Popen(
        [*command, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
        text=True,
        errors="replace",
    )
    last: collections.deque[str] = collections.deque(maxlen=_LAST_LINES)
    try:
        assert process.stdout is not None
        what = "Asking the package index"
        tell(what, 0, 0)
        for line in process.stdout:
            last.append(line.rstrip())
            what = _told(line, what, tell)
        code = process.wait()
    finally:
        _end(process)
    if code:
        raise _failure("\n".join(last), arguments)


def _told(line: str, what: str, tell: Tell) -> str:
    """Tell what a line of pip's says, and return what is being done now."""
    progress = _PROGRESS.match(line)
    if progress:
        tell(what, int(progress[1]), int(progress[2]))
        return what
    fetching = _FETCHING.match(line)
    if fetching:
        what = f"Downloading {fetching[1].rpartition('/')[2].removesuffix('.metadata')}"
    elif line.startswith("Collecting "):
        what = f"Looking for {line.split()[1].split('(')[0]}"
    elif line.startswith("Processing "):  # a file that lies on this machine
        what = f"Taking {line.split()[1].rpartition('/')[2]}"
    elif line.startswith("Installing collected packages"):
        what = f"Unpacking {line.count(',') + 1} packages"
    else:
        return what
    tell(what, 0, 0)
    return what


def _failure(words: str, arguments: Sequence[str]) -> TunedeckError:
    if any(sign in words for sign in _FULL):
        return TunedeckError(
            "The disk is full; what pip had installed by then is kept.",
            "Free some room and run the command again: it goes on with what is there.",
        )
    if CPU_TORCH in arguments and CPU_TORCH in words:
        return TunedeckError(
            "The package index that pip uses here has no torch for the processor alone.",
            "Name an index that has it with --index-url or --extra-index-url (torch's own installation page "
            "does), or leave --cpu out: the ordinary torch computes on the processor too, and is larger.",
        )
    errors = [line for line in words.splitlines() if line.startswith("ERROR:")]
    said = (errors or words.splitlines() or ["it said nothing"])[-1].removeprefix("ERROR:").strip()
    return TunedeckError(
        f"pip could not install what is needed: {said[:400]}",
        "Check the network and pip's settings (`pip config list`), then run the command again: it goes on "
        "with what is there.",
    )


def _end(process: subprocess.Popen[str]) -> None:
    """End pip and what it started, if it still runs."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            _signal(process, getattr(signal, "SIGKILL", signal.SIGTERM))
            process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _signal(process: subprocess.Popen[str], number: int) -> None:
    try:
        if os.name == "posix":
            os.killpg(process.pid, number)
        else:
            process.terminate()
    except (ProcessLookupError, PermissionError):
        pass
