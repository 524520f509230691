"""Our side of `benchmarks.training`: one epoch, timed, as a line of JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

from tui.engine.llama.base_model import load_base_model
from tui.engine.llama.lora import Adapter
from tui.engine.llama.tokenizer import TrainingExample
from tui.engine.trainers.supervised import SupervisedTrainer
from tui.engine.trainers.training_data import Example


def main() -> None:
    """Train and report."""
    work = json.loads(Path(sys.argv[1]).read_text())
    base = load_base_model(Path(work["base"]))
    examples = [
        TrainingExample(np.array(one["ids"]), np.array(one["targets"]), one["tokens"])
        for one in work["examples"]
    ]
    rows = [Example((one,)) for one in examples]
    trainer = SupervisedTrainer(base, Adapter.initial(base.config, rank=work["rank"]), rows, [])
    trainer.use_threads(work["threads"])
    batches = [
        range(len(examples))[start : start + work["batch"]]
        for start in range(0, len(examples), work["batch"])
    ]
    started, cpu = time.perf_counter(), time.process_time()
    losses = [trainer.train_step(batch, work["rate"]).loss for batch in batches]
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    report = {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "tokens": sum(one.token_count for one in examples),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "first_loss": losses[0],
        "last_loss": float(np.mean(losses[-max(1, len(losses) // 4) :])),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
