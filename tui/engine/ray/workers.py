"""What each of Ray Train's workers does: the first one runs the job, the others compute with it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tui.engine.run_folder import append_event, read_events
from tui.engine.worker.stop_request import StopRequest

STARTED = "Started on Ray with {workers}"


def train_worker(config: dict[str, Any]) -> None:
    """Train as one of Ray Train's workers.

    Returns when the job has a verdict or was told to leave; whatever else happens is raised, so that Ray
    starts all workers again.

    Args:
        config: "folder": the run folder; "embedded": whether the trainer on numpy is asked for.

    Raises:
        RuntimeError: Another worker is gone, or the run ended without a verdict.
    """
    import ray.train

    context = ray.train.get_context()
    rank, size = context.get_world_rank(), context.get_world_size()
    folder = Path(config["folder"])
    if rank == 0:
        _say_start(folder, size)
    code = (_train_embedded if config["embedded"] else _train_team)(folder)
    if code != 0:
        raise RuntimeError(f"the run left with code {code}, to be continued")


def _train_embedded(folder: Path) -> int:
    from tui.engine.worker.run_job import run_job

    return run_job(folder, StopRequest(folder))


def _train_team(folder: Path) -> int:
    from tui.engine.trl.run import train
    from tui.engine.trl.team import PeerLost

    try:
        return train(folder, StopRequest(folder))
    except PeerLost as error:
        raise RuntimeError(f"another worker is gone: {error}") from error


def _say_start(folder: Path, size: int) -> None:
    """Say in the job's events that the workers run, or run again: Ray itself tells nobody."""
    workers = f"{size} worker{'s' if size > 1 else ''}"
    message, job = STARTED.format(workers=workers), os.environ.get("RAY_JOB_ID") or _job_id()
    starts = [event for event in read_events(folder) if (event.get("data") or {}).get("ray_job")]
    here = sum(event["data"]["ray_job"] == job for event in starts)
    if here:
        append_event(
            folder,
            f"A worker died: Ray started the {workers} again (retry {here}), from the last saved state",
            level="warn",
            data={"ray_job": job, "retry": here},
        )
    else:
        append_event(folder, message, data={"ray_job": job, "workers": size})


def _job_id() -> str:
    import ray

    return str(ray.get_runtime_context().get_job_id())
