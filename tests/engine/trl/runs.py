"""Run folders for both trainers, and the processes that train them."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tui.engine.bundle import bundle_folder
from tui.engine.environments.kept import python_in
from tui.engine.executors.local import ONE_THREAD
from tui.engine.llama.base_model import load_base_model
from tui.engine.llama.lora import Adapter, RankTable, uniform_ranks
from tui.engine.llama.peft_files import save_peft
from tui.engine.run_folder import metrics_by_step, read_events

GPU_ENVIRONMENT = os.environ.get("TUNEDECK_TEST_GPU_ENV")
"""Read before tests hide the real variables."""
WORDS = ("happy", "sad", "fine", "great", "bad")
NICE = [] if sys.platform == "win32" else ["nice", "-n", "10"]


def gpu_python() -> Path:
    """Return the Python of the environment under test, or skip and say why."""
    if not GPU_ENVIRONMENT:
        pytest.skip(
            "TUNEDECK_TEST_GPU_ENV names no environment with torch, TRL and PEFT; "
            "`tunedeck engine install gpu` makes one"
        )
    python = python_in(Path(GPU_ENVIRONMENT))
    assert python.exists(), f"TUNEDECK_TEST_GPU_ENV: {python} does not exist"
    return python.absolute()


def chat_row(number: int) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Say it."},
        {"role": "user", "content": f"I am {WORDS[number % 5]} {number}"},
        {"role": "assistant", "content": WORDS[(number + 1) % 5]},
    ]
    if number % 3 == 0:  # read, and not learned
        messages += [
            {"role": "user", "content": "again"},
            {"role": "assistant", "content": "no no", "weight": 0},
        ]
    return {"messages": messages}


def pair_row(number: int) -> dict[str, Any]:
    return {
        "input": {"messages": [{"role": "user", "content": f"I am {WORDS[number % 5]} {number}"}]},
        "preferred_output": [{"role": "assistant", "content": f"yes {WORDS[number % 5]}"}],
        "non_preferred_output": [{"role": "assistant", "content": "no"}],
    }


def make_run(
    folder: Path,
    base: Path,
    method: str = "supervised",
    *,
    rows: int = 20,
    adapter: Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Write a run folder as the engine does."""
    folder.mkdir(parents=True)
    row = pair_row if method == "dpo" else chat_row
    (folder / "training.jsonl").write_text("".join(json.dumps(row(n)) + "\n" for n in range(rows)), "utf-8")
    (folder / "validation.jsonl").write_text(
        "".join(json.dumps(row(n)) + "\n" for n in range(90, 95)), "utf-8"
    )
    spec = {
        "job_id": "ftjob-test",
        "method": method,
        "base_model_folder": str(base),
        "start_adapter": str(adapter) if adapter else None,
        "hyperparameters": {"n_epochs": 2, "batch_size": 4, **(settings or {})},
        "seed": 7,
        "fine_tuned_model": "ft:tiny:local::abcdefgh",
        "max_tokens_per_example": 512,
        "training_file": "training.jsonl",
        "validation_file": "validation.jsonl",
    }
    (folder / "spec.json").write_text(json.dumps(spec), "utf-8")
    return folder


def start_adapter(folder: Path, base_folder: Path, *, everywhere: bool = False) -> Path:
    """Write a random adapter in PEFT's form.

    On the two projections that the embedded engine does not fuse, both trainers learn the same numbers; the
    other ones share a matrix there that PEFT has three or two times.
    """
    base = load_base_model(base_folder)
    some: RankTable = [{"attention_out": 8, "down": 8}] * base.config.layers
    adapter = Adapter(base.config, uniform_ranks(base.config, 8) if everywhere else some)
    generator = np.random.default_rng(0)
    for layer in adapter.layers:
        for pair in layer.values():
            bound = math.sqrt(2 / pair.down.shape[1])
            pair.down[:] = generator.uniform(-bound, bound, pair.down.shape)
            if everywhere:
                pair.up[:] = generator.uniform(-0.02, 0.02, pair.up.shape)
    save_peft(adapter, folder, "tiny")
    return folder


def train_embedded(folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "tui.engine.worker", str(folder)], check=True)


def trl_command(folder: Path, bundles: Path, before: str = "") -> list[str]:
    """Return the worker's command; `before` is Python that runs in its process first."""
    bundle = bundle_folder(bundles)
    if not before:
        return [*NICE, str(gpu_python()), str(bundle), str(folder)]
    code = f"import sys\nsys.path.insert(0, {str(bundle)!r})\nsys.argv[1:] = [{str(folder)!r}]\n{before}\n"
    code += "from tui.engine.trl.__main__ import main\nsys.exit(main())\n"
    return [*NICE, str(gpu_python()), "-c", code]


def start_trl(
    folder: Path, bundles: Path, before: str = "", extra: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    with (folder / "worker.log").open("ab") as log:
        return subprocess.Popen(
            trl_command(folder, bundles, before),
            stdout=log,
            stderr=log,
            env={**os.environ, **ONE_THREAD, **(extra or {})},
        )


def train_trl(folder: Path, bundles: Path, before: str = "") -> int:
    code = start_trl(folder, bundles, before).wait(900)
    assert code == 0, (folder / "worker.log").read_text()[-2000:]
    return code


def losses(folder: Path) -> dict[int, dict[str, Any]]:
    return metrics_by_step(folder)


def steps_told(folder: Path) -> list[int]:
    return [event["data"]["step"] for event in read_events(folder) if event["type"] == "metrics"]


def messages(folder: Path) -> list[str]:
    return [event["message"] for event in read_events(folder) if event["type"] == "message"]


def assert_same(one: Path, other: Path, *, tolerance: float, names: Sequence[str] = ()) -> None:
    """The same steps with the same numbers, each within `tolerance` of its size."""
    first, second = losses(one), losses(other)
    assert list(first) == list(second)
    for step, values in first.items():
        assert values.keys() == second[step].keys()
        for name in names or values:
            if name in values:
                assert values[name] == pytest.approx(second[step][name], rel=tolerance, abs=tolerance), (
                    step,
                    name,
                )
