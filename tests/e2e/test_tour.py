"""`tunedeck tour` as a process of its own, with the real base model: what the whole program is for."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import run_cli_process, tunedeck_command, wait_until

pytestmark = [
    pytest.mark.real_model,
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals and looks at process groups"),
]


def living_processes(home: Path) -> list[str]:
    from tests.e2e.terminal import processes_of

    return [" ".join(process.cmdline()) for process in processes_of(str(home))]


def test_a_tour_takes_held_out_accuracy_from_under_40_to_over_80_percent(
    isolated_home: Path, use_real_base_model: Path
) -> None:
    result = run_cli_process("tour", "--json", timeout=840)

    assert result.code == 0, result.stderr
    told = result.json()
    assert told["held_out"]["before"]["accuracy"] < 0.4
    assert told["held_out"]["after"]["accuracy"] > 0.8
    assert told["held_out"]["after"]["n"] == 60
    assert told["loss"]["last"] < told["loss"]["first"] / 4
    assert told["cost"]["total"] == 0
    assert told["fine_tuned_model"].startswith("ft:smollm2-135m-instruct:local:tour:")
    assert re.search(r"step \d+ of \d+, loss \d\.\d+", result.stderr)
    wait_until(lambda: not living_processes(isolated_home), what="the end of every process of the tour")


def test_an_interrupted_tour_ends_at_once_with_130_and_the_next_one_goes_on_with_its_job(
    isolated_home: Path, use_real_base_model: Path
) -> None:
    log = isolated_home / "first.txt"
    with log.open("wb") as stderr:
        first = subprocess.Popen(tunedeck_command("tour", "--fast"), stdout=subprocess.PIPE, stderr=stderr)
    wait_until(lambda: "step 10 of" in log.read_text(), timeout=400, what="the tenth training step")
    os.kill(first.pid, signal.SIGINT)
    interrupted = time.monotonic()
    assert first.wait(60) == 130
    assert time.monotonic() - interrupted < 30
    assert "Traceback" not in log.read_text()
    wait_until(lambda: not living_processes(isolated_home), what="the end of every process of the tour")

    second = run_cli_process("tour", "--fast", "--json", timeout=600)

    assert second.code in (0, 1), second.stderr
    told = second.json()
    assert told["resumed"] is True
    assert told["held_out"]["after"]["n"] == 24
    assert told["loss"]["last"] < told["loss"]["first"]
    assert told["loss"]["steps"] >= 40
    assert re.search(r"Resumed from step \d+", second.stderr)
