"""What tests of every room share: running the command line, and waiting for a condition with a deadline."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class CliResult:
    """What one run of the command line left behind."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        return json.loads(self.stdout)


def run_cli(*arguments: str) -> CliResult:
    """Run `tunedeck` with `arguments` inside this process: quick, and monkeypatches apply."""
    from tui.cli.main import run

    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    kept_stdout = sys.stdout
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(list(arguments))
    # The command line drops stdout when its reader left; the test runner needs its own back either way.
    sys.stdout = kept_stdout
    return CliResult(code, _written(out), _written(err))


def _written(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode("utf-8")


def tunedeck_command(*arguments: str) -> list[str]:
    """Return the command that runs `tunedeck` with this interpreter, wherever its scripts are."""
    return [sys.executable, "-m", "tui", *arguments]


def run_cli_process(
    *arguments: str,
    timeout: float = 60,
    environment: Mapping[str, str] | None = None,
    input_text: str = "",
) -> CliResult:
    """Run `tunedeck` as a process of its own: the whole truth about start-up, exit code and streams."""
    finished = subprocess.run(
        tunedeck_command(*arguments),
        capture_output=True,
        timeout=timeout,
        env={**os.environ, **(environment or {})},
        input=input_text.encode(),
        check=False,
    )
    return CliResult(finished.returncode, finished.stdout.decode(), finished.stderr.decode())


def run_python(code: str, *, timeout: float = 60) -> CliResult:
    """Run a Python program in a fresh interpreter, as import hygiene needs it."""
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=timeout, text=True, check=False
    )
    return CliResult(finished.returncode, finished.stdout, finished.stderr)


def wait_until(
    probe: Callable[[], Value | None], *, timeout: float = 60, interval: float = 0.05, what: str = "condition"
) -> Value:
    """Call `probe` until it returns something true, and return that.

    Raises:
        AssertionError: `timeout` seconds went by; names `what` was waited for.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {timeout:g} s")
        time.sleep(interval)


def lines_of(text: str) -> Sequence[str]:
    """Return the lines of `text` that are not blank."""
    return [line for line in text.splitlines() if line.strip()]
