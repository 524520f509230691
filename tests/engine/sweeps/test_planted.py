"""A sweep on the embedded trainer through a real engine: twelve trials find a planted setting under a cap."""

from __future__ import annotations

import json
import os
import random
import signal
import string
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.engine.tiny_model import make_tiny_base_model
from tests.support import CliResult, run_cli_process, tunedeck_command, wait_until
from tui import local_engine
from tui.data.examples import SENTIMENT
from tui.records.sweeps import TrialState
from tui.services import Services
from tui.sweeps.find import find_sweep
from tui.sweeps.runner import is_being_run

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL and SIGHUP"),
]

MODEL = "smollm2-135m-instruct"
SWEEP = """
name = "planted"
account = "local"
model = "{model}"
{top}
validation = {validation}
seed = 3
[hyperparameters]
n_epochs = 4
batch_size = 4
[space]
learning_rate_multiplier = {{ low = 0.5, high = 40.0, log = true }}
{space}
[search]
strategy = "{strategy}"
trials = {trials}
seed = 5
[caps]
hours = {hours}
"""


@pytest.fixture
def base(isolated_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_tiny_base_model(tmp_path / MODEL, name=MODEL)
    monkeypatch.setenv("TUNEDECK_BASE_MODELS", str(tmp_path))
    monkeypatch.setenv("TUNEDECK_NO_FETCH", "1")
    monkeypatch.delenv("TUNEDECK_NO_ENGINE_START", raising=False)
    return tmp_path


def sweep_file(
    folder: Path, *, strategy: str, trials: int = 12, hours: float = 0.3, trainings: Sequence[Path] = ()
) -> Path:
    assert SENTIMENT.held_out is not None
    path = folder / "sweep.toml"
    text = SWEEP.format(
        model=MODEL,
        validation=json.dumps(str(SENTIMENT.held_out)),
        strategy=strategy,
        trials=trials,
        hours=hours,
        top="" if trainings else f"training = {json.dumps(str(SENTIMENT.training))}",
        space=f"training = {json.dumps([str(one) for one in trainings])}" if trainings else "",
    )
    path.write_text(text, "utf-8")
    return path


def scrambled(folder: Path, seed: int) -> Path:
    """Write the shipped training file with answers that say nothing: words of letters drawn by chance."""
    chance = random.Random(seed)
    lines = []
    for line in SENTIMENT.training.read_text("utf-8").splitlines():
        row = json.loads(line)
        answer = row["messages"][-1]
        answer["content"] = "".join(chance.choices(string.ascii_lowercase, k=len(answer["content"])))
        lines.append(json.dumps(row))
    path = folder / f"scrambled-{seed}.jsonl"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def run(path: Path, *arguments: str) -> CliResult:
    return run_cli_process("sweep", "run", str(path), "--yes", "--json", *arguments, timeout=1000)


@pytest.mark.parametrize("strategy", ["random", "bayesian"])
def test_twelve_trials_find_the_planted_file_under_a_cap(base: Path, strategy: str) -> None:
    if strategy == "bayesian":
        pytest.importorskip("optuna", reason="the extra `sweep` is not installed")
    began = time.time()
    trainings = [scrambled(base, 1), SENTIMENT.training, scrambled(base, 2)]
    done = run(sweep_file(base, strategy=strategy, trainings=trainings))
    assert done.code == 0, done.stderr
    board = done.json()
    assert (board["state"], len(board["trials"])) == ("done", 12)
    assert time.time() - began < 0.3 * 3600
    jobs = [trial["job"] for trial in board["trials"]]
    assert len(set(jobs)) == 12
    best = next(trial for trial in board["trials"] if trial["number"] == board["best"])
    # Held-out rows can only be learned from the file with sound answers, at a rate at which it learns at all.
    assert best["settings"]["training"] == str(SENTIMENT.training)
    assert best["value"] == min(trial["value"] for trial in board["trials"])
    misled = [trial["value"] for trial in board["trials"] if "scrambled" in trial["settings"]["training"]]
    assert misled
    assert best["value"] < 0.5 * min(misled)
    assert {one["name"] for one in board["importance"]} == {"training", "learning_rate_multiplier"}


def test_a_time_cap_ends_it_early_and_cancels_what_runs(base: Path) -> None:
    done = run(sweep_file(base, strategy="random", hours=0.004))
    assert done.code == 1
    board = done.json()
    assert board["state"] == "stopped"
    assert board["reason"].startswith("The time cap of 0.004 h")
    states = [trial["state"] for trial in board["trials"]]
    assert "cancelled" in states
    with Services.open() as services:
        provider = services.provider("local")
        wait_until(
            lambda: all(job.state.is_final for job in provider.list_jobs()), what="the end of every job"
        )


def test_a_headless_sweep_survives_its_terminal_and_kill_9(base: Path) -> None:
    path = sweep_file(base, strategy="random", trials=4)
    first = subprocess.Popen(
        tunedeck_command("sweep", "run", str(path), "--yes", "--json", "--headless"),
        stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    output, _ = first.communicate(timeout=120)
    begun = json.loads(output)
    with Services.open() as services:
        store = services.store
        wait_until(
            lambda: any(one.state is TrialState.RUNNING for one in store.trials(begun["id"])),
            timeout=120, what="a trial that runs",
        )  # fmt: skip
        os.kill(begun["pid"], signal.SIGHUP)  # what a terminal that goes away sends
        wait_until(
            lambda: any(one.state.is_over for one in store.trials(begun["id"])),
            timeout=240,
            what="a trial's end",
        )
        assert is_being_run(begun["id"])
        os.kill(begun["pid"], signal.SIGKILL)
        wait_until(lambda: not is_being_run(begun["id"]), what="the lock's release")
        assert not find_sweep(services, "planted").state.is_over
    done = run_cli_process("sweep", "resume", "planted", "--json", timeout=600)
    assert done.code == 0, done.stderr
    board = done.json()
    assert [trial["state"] for trial in board["trials"]] == ["done"] * 4
    with Services.open() as services:
        listed = services.provider("local").list_jobs()
    assert len(listed) == len({trial["job"] for trial in board["trials"]}) == 4
    address = local_engine.find_engine()
    assert address is not None
