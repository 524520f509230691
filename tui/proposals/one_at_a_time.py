"""Keeps two programs from making, or writing, the same rows at once: both would ask, and both append."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tui import paths
from tui.errors import TunedeckError
from tui.file_lock import FileLock


@contextmanager
def only_one(run_id: str, what: str) -> Iterator[None]:
    """Hold a run while something is done with it; whoever dies lets go of it.

    Args:
        run_id: Whose.
        what: What is being done, as it follows "Run ... is": "being made".

    Raises:
        TunedeckError: Another program does it right now.
    """
    lock = FileLock(paths.data_dir() / "proposals" / f"{run_id}.lock")
    if not lock.acquire():
        raise TunedeckError(
            f"Run {run_id} is {what} by another tunedeck.", "Wait until that is over, or stop it there."
        )
    try:
        yield
    finally:
        lock.release()
