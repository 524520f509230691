"""What the scheduler asks of whoever runs a worker; the run folder is all that the two sides share.

A worker reads spec.json and the training files of its run folder, appends to events.jsonl, and leaves
done.json behind. Where the machine that trains does not share the folder, `Executor.sync`
brings it up to date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

Handle: TypeAlias = dict[str, str | int | float]
"""JSON that finds a running worker again after the engine itself was started anew."""


class RunningWorker(Protocol):
    """One worker, wherever it is. Nothing here may block for more than a second or two."""

    @property
    def handle(self) -> Handle:
        """What `Executor.attach` needs to find it again."""
        ...

    def alive(self) -> bool:
        """Say whether it still runs; when that can't be found out now, it does."""
        ...

    def ask_to_stop(self) -> None:
        """Ask it to save and leave; the stop file in its run folder says why."""
        ...

    def kill(self) -> None:
        """End it and whatever it started, at once."""
        ...

    def how_it_ended(self) -> str:
        """Return a phrase for people, such as "by signal SIGKILL"."""
        ...

    def is_to_blame(self) -> bool:
        """Say whether it ended on its own account, and not because it was told to leave."""
        ...


class Executor(Protocol):
    """A kind of place in which workers run."""

    name: str
    """As jobs ask for it in `run_on`."""
    here: bool
    """Whether its work takes this machine's cores: such jobs end with the engine and share its places."""
    bills: bool
    """Whether a start costs money at somebody else's: such a job must say that this is accepted."""
    several_workers: bool
    """Whether one job can have several processes that share its batches."""
    has_own_trainers: bool
    """Whether the far side brings the trainers' packages itself: then no environment of ours is needed."""
    cancel_grace: float
    """Seconds a worker gets to leave by itself after a cancel."""
    pause_grace: float
    """Seconds it gets to finish its step and save."""

    def why_not(self) -> str | None:
        """Return why it can't be used now and what to do, or None when it can."""
        ...

    def does_not_answer(self) -> str | None:
        """Ask the place itself, for some seconds at most, and return what is wrong; None when it answers.

        Asked before a job is made, and not when it starts: then a place that is away is waited for.
        """
        ...

    def what_it_costs(self) -> str:
        """Return what is known of the price, a sentence or two; "" where starting costs no money."""
        ...

    def start(self, folder: Path, command: Sequence[str]) -> RunningWorker | None:
        """Start a worker on a run folder; None when it ended before it could be looked at.

        Raises:
            TunedeckError: It can't be started at all; the message says why.
        """
        ...

    def attach(self, handle: Mapping[str, str | int | float]) -> RunningWorker | None:
        """Return the worker that an earlier engine started, unless it is known to be gone."""
        ...

    def sync(self, folder: Path) -> None:
        """Bring what the worker wrote into the run folder; nothing to do where the folder is shared."""
        ...
