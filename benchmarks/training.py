"""How fast one epoch of LoRA training is, ours beside PyTorch + PEFT: same tokens, steps, rank and threads.

    python -m benchmarks.training                                # ours alone, if PyTorch is not installed
    python -m benchmarks.training --torch-python PATH            # the other side in an environment of its own

Each side is a process of its own; rounds alternate, so that a busy machine slows both. Loading is not
counted.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measurement import Measurement, print_measurements
from tui.engine.executors.local import ONE_THREAD
from tui.engine.worker.threads import usable_cores

BATCH = 4
RANK = 16
LEARNING_RATE = 4e-4
MODEL = "smollm2-135m-instruct"
OURS, TORCH = "benchmarks.training_ours", "benchmarks.training_torch"
REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Side:
    """One side's figures of one round."""

    seconds: float
    cpu_seconds: float
    tokens: int
    peak_bytes: int
    first_loss: float
    last_loss: float

    @property
    def speed(self) -> float:
        """Tokens per second."""
        return self.tokens / self.seconds


def main() -> int:
    """Run the benchmark, print its table, and return 1 when a budget is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--torch-python", default=sys.executable, help="interpreter that has torch, transformers, peft"
    )
    parser.add_argument("--base", type=Path, help="prepared base-model folder (default: the engine's own)")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--examples", type=int, default=None, help="use only so many")
    parser.add_argument("--threads", type=int, default=usable_cores())
    arguments = parser.parse_args()
    base = arguments.base or default_base()
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch) / "work.json"
        measurements = []
        for name, file in workloads().items():
            work.write_text(json.dumps(job(base, file, arguments.threads, arguments.examples)))
            ours, theirs = rounds(work, arguments.torch_python, arguments.rounds)
            measurements += compared(name, ours, theirs)
        for tokens in (512, 2048):
            work.write_text(json.dumps(long_job(base, tokens, arguments.threads)))
            peak = run_side(OURS, sys.executable, work)
            assert peak is not None
            limit = 1000 if tokens == 512 else 2000
            measurements.append(
                Measurement(f"peak memory, step of {tokens} tokens", peak.peak_bytes / 1e6, "MB", limit)
            )
            measurements.append(Measurement(f"speed at {tokens} tokens", peak.speed, "tokens/s"))
    print_measurements(measurements)
    return 0 if all(one.holds for one in measurements) else 1


def default_base() -> Path:
    """Return the engine's base model.

    Raises:
        SystemExit: It was not fetched yet.
    """
    from tui import paths

    folder = paths.base_models_dir() / MODEL
    if not folder.is_dir():
        raise SystemExit(f"{folder} is not there. Fetch the base model first: tunedeck engine fetch")
    return folder


def workloads() -> dict[str, Path]:
    """Return the shipped examples to train on: short labels after one prompt, and longer answers."""
    from tui.data.examples import PREFERENCES, SENTIMENT

    return {"labels": SENTIMENT.training, "answers": PREFERENCES.training}


def job(base: Path, file: Path, threads: int, limit: int | None) -> dict[str, Any]:
    """Return one epoch's work; both sides get the very same tokens."""
    from tui.engine.llama.base_model import load_base_model

    tokenizer = load_base_model(base).tokenizer
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()][:limit]
    encoded = [
        tokenizer.encode_example(row.get("messages") or [*row["input"]["messages"], *row["preferred_output"]])
        for row in rows
    ]
    examples = [
        {"ids": one.ids.tolist(), "targets": one.targets.tolist(), "tokens": one.token_count}
        for one in encoded
    ]
    return {
        "base": str(base),
        "threads": threads,
        "batch": BATCH,
        "rank": RANK,
        "rate": LEARNING_RATE,
        "examples": examples,
    }


def long_job(base: Path, tokens: int, threads: int) -> dict[str, Any]:
    """Return two steps of one long example each, the second half of which is learned."""
    ids = [100 + (place * 37) % 40_000 for place in range(tokens)]
    targets = [-1] * (tokens // 2) + ids[tokens // 2 :]
    example = {"ids": ids, "targets": targets, "tokens": tokens}
    return {
        "base": str(base),
        "threads": threads,
        "batch": 1,
        "rank": RANK,
        "rate": LEARNING_RATE,
        "examples": [example] * 2,
    }


def rounds(work: Path, torch_python: str, count: int) -> tuple[list[Side], list[Side]]:
    """Run both sides in turns; the second list is empty without PyTorch."""
    ours: list[Side] = []
    theirs: list[Side] = []
    for _ in range(count):
        mine = run_side(OURS, sys.executable, work)
        assert mine is not None
        ours.append(mine)
        other = run_side(TORCH, torch_python, work)
        if other is not None:
            theirs.append(other)
    return ours, theirs


def run_side(module: str, python: str, work: Path) -> Side | None:
    """Run one side in a process; None when its libraries are missing."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    # PyTorch picks the widest instructions of the machine; numpy must not be held back beside it.
    environment.pop("OPENBLAS_CORETYPE", None)
    if module == OURS:
        environment |= ONE_THREAD
    finished = subprocess.run(
        [python, "-m", module, str(work)], env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    if finished.returncode == MISSING:
        return None
    if finished.returncode:
        raise SystemExit(f"{module} failed with exit code {finished.returncode}.")
    return Side(**json.loads(finished.stdout.splitlines()[-1]))


MISSING = 3
"""Exit code of a side whose libraries are not installed."""


def compared(name: str, ours: Sequence[Side], theirs: Sequence[Side]) -> list[Measurement]:
    """Return one workload's rows of the table."""
    beside = statistics.median(side.speed for side in theirs) if theirs else None
    speed = statistics.median(side.speed for side in ours)
    measurements = [
        Measurement(f"{name}: training speed", speed, "tokens/s", beside=beside),
        Measurement(
            f"{name}: speed per core",
            max(side.tokens / side.cpu_seconds for side in ours),
            "tokens/CPU-s",
            beside=max((side.tokens / side.cpu_seconds for side in theirs), default=None),
        ),
        Measurement(
            f"{name}: peak memory",
            max(side.peak_bytes for side in ours) / 1e6,
            "MB",
            beside=max((side.peak_bytes / 1e6 for side in theirs), default=None),
        ),
        Measurement(
            f"{name}: loss, last quarter",
            ours[-1].last_loss,
            "nats",
            beside=theirs[-1].last_loss if theirs else None,
        ),
    ]
    if theirs:
        ratio = statistics.median(
            other.seconds / mine.seconds for mine, other in zip(ours, theirs, strict=True)
        )
        measurements.append(
            Measurement(f"{name}: times as fast as PyTorch + PEFT", ratio, "times", 2, at_least=True)
        )
    return measurements


if __name__ == "__main__":
    sys.exit(main())
