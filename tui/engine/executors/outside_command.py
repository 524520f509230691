"""Programs of others that start and watch work elsewhere: run with a time limit, without our secrets."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from tui.safe_text import safe_line

_SECRET = re.compile(r"(_KEY|_TOKEN|_SECRET|_PASSWORD|_CREDENTIALS?)$|^TUNEDECK_|PASSWD", re.IGNORECASE)
"""Variables that a job script must not inherit; schedulers copy the environment into what they start."""
_LONGEST_ANSWER = 4_000_000
_LONGEST_WORDS = 300


class Unreachable(Exception):
    """No answer, or none that can be understood: nothing is known of the work, least of all that it ended."""


class Refused(Exception):
    """The other side said no; nothing was started."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed."""

    code: int
    output: str
    errors: str

    @property
    def words(self) -> str:
        """Its last line for people, of the errors first; safe to show."""
        lines = [line for line in (self.errors.strip() or self.output.strip()).splitlines() if line.strip()]
        return safe_line(lines[-1], _LONGEST_WORDS) if lines else f"exit code {self.code}, without a word"


def has_command(name: str) -> bool:
    """Say whether a program of this name is on PATH."""
    return shutil.which(name) is not None


def run_command(
    command: Sequence[str],
    *,
    seconds: float,
    keep: Sequence[str] = (),
    extra: Mapping[str, str] | None = None,
) -> Answer:
    """Run a program to its end.

    Args:
        command: Program and arguments.
        seconds: It is ended after so long.
        keep: Names of variables that it gets although they look like secrets: the tool's own.
        extra: Variables to set.

    Raises:
        Unreachable: It is not there, can't be run, or did not end in time.
    """
    environment = {
        name: value for name, value in os.environ.items() if name in keep or not _SECRET.search(name)
    }
    # Colours and progress bars are for people; both would have to be cut out of the answer again.
    environment.update({"NO_COLOR": "1", "TERM": "dumb", "LC_ALL": "C.UTF-8", **(extra or {})})
    try:
        child = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=os.name == "posix",
        )
    except OSError as error:
        raise Unreachable(f"{command[0]} can't be run: {error.strerror or error}") from error
    try:
        output, errors = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        _end(child)
        raise Unreachable(f"{command[0]} did not answer within {seconds:g} s") from None
    return Answer(child.returncode, _text(output), _text(errors))


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the program and what it started: a wrapper's child would keep the pipe open, and us waiting."""
    if os.name == "posix":
        import signal

        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()
    child.communicate()


def _text(data: bytes) -> str:
    return data[:_LONGEST_ANSWER].decode("utf-8", "replace")
