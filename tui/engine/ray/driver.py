"""The driver of a Ray job: Ray Train starts the workers, and starts them again when one of them dies."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

from tui.engine.atomic_files import read_json_object
from tui.engine.ray.workers import train_worker
from tui.engine.run_folder import DONE, append_event

MAX_FAILURES = 3
"""Deaths of workers that one submission survives; with Ray's own 0 the first would be the last."""
EXIT_DONE, EXIT_NO_VERDICT = 0, 1
EMBEDDED = "embedded"


def drive(folder: Path, *, workers: int, gpus: float) -> int:
    """Train to a verdict, and return the exit code: 0 when there is one.

    Args:
        folder: The run folder, on a storage that every node sees under this path.
        workers: Processes; their batches together are the batch that was asked for.
        gpus: For each of them.
    """
    import ray

    ray.init(log_to_driver=True, ignore_reinit_error=True)
    _say_when_too_small(folder, workers, gpus, ray.cluster_resources())
    try:
        _trainer(folder, workers, gpus).fit()
    except Exception:  # Ray's own errors, after the last retry: printed for the log, told by the exit code
        traceback.print_exc()
    return EXIT_DONE if read_json_object(folder / DONE) is not None else EXIT_NO_VERDICT


def _trainer(folder: Path, workers: int, gpus: float) -> Any:
    """Return Ray Train's trainer of this job.

    A job that is submitted again has the same run name, so that Ray Train takes it for the same run.
    """
    from ray.train import FailureConfig, RunConfig, ScalingConfig

    spec = read_json_object(folder / "spec.json") or {}
    embedded = spec.get("trainer", EMBEDDED) == EMBEDDED
    workers = 1 if embedded else workers  # the trainer on numpy shares work among threads only
    resources = {"CPU": 1.0, **({"GPU": gpus} if gpus else {})}
    return _trainer_class(embedded)(
        train_worker,
        train_loop_config={"folder": str(folder), "embedded": embedded},
        scaling_config=ScalingConfig(num_workers=workers, use_gpu=gpus > 0, resources_per_worker=resources),
        run_config=RunConfig(
            name=folder.name,
            storage_path=str(folder.parent.parent / "ray"),
            failure_config=FailureConfig(max_failures=MAX_FAILURES),
        ),
    )


def _trainer_class(embedded: bool) -> Any:
    if embedded:  # the trainer on numpy needs no torch on the cluster
        # `ray.train.data_parallel_trainer` is still the older version's, with another RunConfig (2.60).
        from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

        return DataParallelTrainer
    from ray.train.torch import TorchTrainer

    return TorchTrainer


def _say_when_too_small(folder: Path, workers: int, gpus: float, has: dict[str, float]) -> None:
    """Say why a job may wait for ever: Ray itself only prints it."""
    for kind, wanted in (("CPU", float(workers)), ("GPU", workers * gpus)):
        there = has.get(kind, 0.0)
        if wanted > there:
            message = (
                f"The Ray cluster has {there:g} {kind}s and the job wants {wanted:g}: "
                "it waits until there are more"
            )
            append_event(folder, message, level="warn")
