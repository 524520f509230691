"""The executors that this engine knows, by the name that a job gives in `run_on`."""

from __future__ import annotations

from collections.abc import Mapping

from tui.engine.executors.hf_jobs import HfJobsExecutor
from tui.engine.executors.local import LocalExecutor
from tui.engine.executors.protocol import Executor
from tui.engine.executors.ray import RayExecutor
from tui.engine.executors.sky import SkyExecutor
from tui.engine.executors.slurm import SlurmExecutor

LOCAL = "local"


def known_executors() -> Mapping[str, Executor]:
    """Return every executor by name, usable or not; `why_not` tells which."""
    found: list[Executor] = [
        LocalExecutor(),
        RayExecutor(),
        SlurmExecutor(),
        SkyExecutor(),
        HfJobsExecutor(),
    ]
    return {one.name: one for one in found}
