"""A sweep: many jobs that differ in what is to be found out, its trials, and what each trial has launched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

SettingValue = int | float | str | bool
"""What a trial tries for one axis."""


class SweepState(StrEnum):
    """How a sweep stands."""

    READY = "ready"
    """Written down and agreed to; nobody has begun it."""
    RUNNING = "running"
    """Begun; whether a process is at it now, its lock tells."""
    STOPPED = "stopped"
    """Ended early: by a person, a cap, or what needs a person; `Sweep.reason` says which."""
    DONE = "done"

    @property
    def is_over(self) -> bool:
        """True when nothing is launched any more unless a person resumes it."""
        return self in (SweepState.STOPPED, SweepState.DONE)


class TrialState(StrEnum):
    """How a trial stands."""

    PLANNED = "planned"
    """Its settings are chosen; its next job is not created yet."""
    RUNNING = "running"
    RESTING = "resting"
    """Scored at a rung of a halving; it waits until all of the rung are."""
    DONE = "done"
    PRUNED = "pruned"
    """Left behind at a rung of a halving."""
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """True when nothing more comes of it."""
        return self not in (TrialState.PLANNED, TrialState.RUNNING, TrialState.RESTING)


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep as it was agreed to."""

    id: str
    name: str
    definition: Mapping[str, Any]
    """As `tui.sweeps.sweep_file` reads and writes it; paths are absolute."""
    agreed: Mapping[str, Any]
    """The prices that a person confirmed; see `tui.sweeps.planning.agreement`."""
    state: SweepState
    reason: str = ""
    """Why it ended, in a sentence; empty while it runs."""
    created_at: int = 0
    """Unix seconds."""
    started_at: int | None = None
    ended_at: int | None = None
    is_stop_asked: bool = False
    """A person wants it stopped; whoever runs it does so."""
    winner: int | None = None
    """Number of the trial that a person promoted."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One set of settings."""

    sweep_id: str
    number: int
    """From 1, in the order of asking."""
    settings: Mapping[str, SettingValue] = field(default_factory=dict)
    state: TrialState = TrialState.PLANNED
    rung: int = 0
    """Of a halving, from 0: the one that it is at."""
    value: float | None = None
    """The objective as last measured; None before that."""
    note: str = ""
    """Why it failed, was cancelled or left behind."""
    asked_at: int = 0
    ended_at: int | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A launch that a trial has at a rung; without a halving there is one."""

    sweep_id: str
    number: int
    rung: int
    run_id: str
    """The launch's, which the job carries; rungs that one paused job trains share it."""
    account: str
    price: float | None = None
    """What it may cost at most, agreed beforehand; None where nobody knew."""
    currency: str = "USD"
    value: float | None = None
    """The objective at the end of this rung."""
    answers_cost: float = 0.0
    """What the answers of its evaluation have cost."""


@dataclass(frozen=True, slots=True)
class SweepNote:
    """A line of a sweep's log."""

    at: int
    """Unix seconds."""
    words: str
