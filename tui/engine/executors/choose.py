"""The executors that this engine knows, by the name that a job gives in `run_on`."""

from __future__ import annotations

from collections.abc import Mapping

from tui.engine.executors.local import LocalExecutor
from tui.engine.executors.protocol import Executor

LOCAL = "local"


def known_executors() -> Mapping[str, Executor]:
    """Return every executor by name, usable or not; `why_not` tells which."""
    found: list[Executor] = [LocalExecutor()]
    return {one.name: one for one in found}
