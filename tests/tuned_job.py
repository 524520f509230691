"""A job of the local engine that succeeded, with real weights of a tiny model, as if trained here."""

from __future__ import annotations

import json
from pathlib import Path

from tests.engine.tiny_model import TINY_NAME
from tests.engine.trainer.models import random_adapter
from tui import paths
from tui.engine.llama.base_model import load_base_model
from tui.engine.llama.peft_files import save_peft
from tui.records.jobs import Job, JobState
from tui.store.launch_rows import LaunchRecord, LaunchState
from tui.store.store import Store

MODEL = f"ft:{TINY_NAME}:local:to`ne:abcd1234"
SUFFIX = "to`ne\x1b[31m|x"

AN_EVALUATION = {
    "test_set": "/data/held-out.jsonl", "sha256": "cd" * 32, "complete": True,
    "models": [
        {"model": MODEL, "checks": [
            {"check": "exact|match", "rows": 60, "score": {"estimate": 0.9833, "low": 0.91, "high": 0.997}}]},
        {"model": TINY_NAME, "checks": [{"check": "misses-me", "rows": 60, "score": {}}]},
    ],
}  # fmt: skip


def keep_tuned_job(store: Store) -> Job:
    """Keep the job, its launch, numbers and an evaluation in `store`, its weights in the engine's folder.

    The base model must be where `TUNEDECK_BASE_MODELS` points.
    """
    folder = paths.engine_job_dir("ftjob-1")
    model = load_base_model(paths.base_models_dir() / TINY_NAME)
    for place in (folder / "adapter", folder / "checkpoints" / "step-00000004"):
        save_peft(random_adapter(model), place, TINY_NAME)
    (folder / "job.json").write_text(json.dumps({"base_model": TINY_NAME, "planned_model": MODEL}))
    job = Job(
        "local", "ftjob-1", JobState.SUCCEEDED, "succeeded", TINY_NAME, fine_tuned_model=MODEL, suffix=SUFFIX,
        hyperparameters={"n_epochs": 3}, seed=7, trained_tokens=1234, training_file="file-1",
        finished_at=1_790_000_000,
    )  # fmt: skip
    store.save_job(job)
    store.claim_launch(
        LaunchRecord(
            "run-1", "local", LaunchState.PREPARING, {}, "f", Path("/data/a|b\x1b.jsonl"), "ab" * 32, {},
            None, None, 1,
        )
    )  # fmt: skip
    store.update_launch("run-1", state=LaunchState.CREATED, job_id=job.id)
    store.add_metrics("local", job.id, {4: {"train_loss": 0.5}, 8: {"train_loss": 0.25}})
    store.save_eval_run("t", json.dumps(AN_EVALUATION))
    return job
