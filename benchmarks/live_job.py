"""Measures the bytes that the Job screen writes over SSH while a real job trains on the local engine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measurement import Measurement
from tests.e2e.terminal import TerminalApp
from tui import local_engine

WATCHED_SECONDS = 20
_KILOBYTE = 1000
_BUDGET = 5.0
_START_SECONDS = 120
_STEP = re.compile(r"step (\d+) of \d+")
_OVER_SSH = {"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22"}
"""What sshd sets; the addresses are those kept for documentation (RFC 5737)."""


def measure_live_job(base_models: Path, seconds: float = WATCHED_SECONDS) -> list[Measurement]:
    """Return the mean rate of what the app writes on the Job screen of a training job.

    Args:
        base_models: Folder of prepared base models; without one there is nothing to train, and the reason
            for leaving this out is printed.
        seconds: How long to watch.
    """
    if not any(base_models.glob("*/*")):
        print(
            f"Left out: a live job over SSH, as no base model is in {base_models} (tunedeck engine fetch, or "
            "set TUNEDECK_BASE_MODELS).",
            file=sys.stderr,
        )
        return []
    before = os.environ.get("TUNEDECK_BASE_MODELS")
    os.environ["TUNEDECK_BASE_MODELS"] = str(base_models)
    try:
        launch_job()
        return [watched(seconds)]
    finally:
        stop_engine()
        if before is None:
            del os.environ["TUNEDECK_BASE_MODELS"]
        else:
            os.environ["TUNEDECK_BASE_MODELS"] = before


def launch_job() -> None:
    """Start a job on the shipped example that is longer than it is watched."""
    example = Path(__file__).parents[1] / "tui" / "data" / "examples" / "sentiment-train.jsonl"
    model = ["--account", "local", "--model", local_engine_model()]
    subprocess.run(
        [sys.executable, "-m", "tui", "launch", str(example), *model, "--epochs", "20", "--yes", "--json"],
        check=True,
        capture_output=True,
    )


def local_engine_model() -> str:
    """Return the name of a base model that is ready, by the engine's own list."""
    listed = subprocess.run(
        [sys.executable, "-m", "tui", "engine", "list", "--json"], check=True, capture_output=True
    )
    return str(json.loads(listed.stdout)[0]["name"])


def watched(seconds: float) -> Measurement:
    """Open the app on the job, wait for a step, and count what it writes from then on."""
    with TerminalApp(140, 40) as terminal:
        terminal.start(environment=_OVER_SSH)
        terminal.wait_for("6 Chat", timeout=60)
        terminal.press("5")
        terminal.wait_for("running", timeout=_START_SECONDS)
        terminal.press("enter")
        terminal.wait_for(f"re:{_STEP.pattern}", timeout=_START_SECONDS)
        terminal.settle()
        first_step, written, began = shown_step(terminal), len(terminal.output), time.monotonic()
        while time.monotonic() - began < seconds:
            terminal.read(0.1)
        taken = time.monotonic() - began
        steps = shown_step(terminal) - first_step
        assert steps > 0, f"no step was shown within {seconds:g} s:\n{terminal.text()}"
        rate = (len(terminal.output) - written) / taken / _KILOBYTE
    return Measurement(f"a live job over SSH, {steps} steps in {taken:.0f} s", rate, "KB/s", _BUDGET)


def shown_step(terminal: TerminalApp) -> int:
    """Return the step that the screen shows; 0 when it shows none."""
    found = _STEP.search(terminal.text())
    return int(found.group(1)) if found else 0


def stop_engine() -> None:
    """Stop the engine of this measurement's home, and its job with it."""
    address = local_engine.find_engine()
    if address is not None:
        local_engine.stop_engine(address, timeout=30)
