"""The one sentence on Home that says what to do next, with its key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.engine_watch import EngineState, Phase
from tui.records.jobs import Job, JobState
from tui.records.models import ModelInfo
from tui.safe_text import safe_line
from tui.store.rows import DatasetRecord
from tui.widgets.tones import Part
from tui.widgets.words import size

UNDER_WAY = frozenset({JobState.PREPARING, JobState.QUEUED, JobState.RUNNING, JobState.FINISHING})
"""States in which a job gets on by itself."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What Home knows."""

    engine: EngineState
    jobs: Sequence[Job]
    datasets: Sequence[DatasetRecord]
    models: Sequence[ModelInfo]


def next_step(situation: Situation) -> list[Part]:
    """Return the sentence as parts, keys in the accent."""
    engine = situation.engine
    if engine.phase is Phase.FAILED:
        return [
            ("The local engine could not start. ", "bad"),
            (f"{engine.error} {engine.remedy} ", ""),
            ("r", "accent"),
            (" tries again.", ""),
        ]
    return _job_step(situation) or _fetch_step(engine) or _model_step(situation) or _dataset_step(situation)


def _job_step(situation: Situation) -> list[Part]:
    active = [job for job in situation.jobs if job.state in UNDER_WAY]
    if not active:
        return []
    name = safe_line(active[0].suffix or active[0].model, 40)
    more = f" and {len(active) - 1} more" if len(active) > 1 else ""
    return [(f"{name}{more} is under way. ", ""), ("enter", "accent"), (" on it shows the curves live.", "")]


def _fetch_step(engine: EngineState) -> list[Part]:
    if engine.phase is not Phase.FETCHING:
        return []
    return [
        (f"The base model is on its way ({size(engine.total_bytes)}, once). Meanwhile ", ""),
        ("e", "accent"),
        (" opens the shipped example.", ""),
    ]


def _model_step(situation: Situation) -> list[Part]:
    tuned = [model for model in situation.models if model.is_fine_tuned]
    if not tuned:
        return []
    name = safe_line(tuned[0].id, 60)
    return [("c", "accent"), (f" talks to {name} beside its base.", "")]


def _dataset_step(situation: Situation) -> list[Part]:
    checked = [record for record in situation.datasets if record.valid]
    if not checked:
        return [
            ("Try the shipped example: ", ""),
            ("e", "accent"),
            (" checks it, then ", ""),
            ("l", "accent"),
            (" trains on it. Free, on this machine, in minutes. Or ", ""),
            ("d", "accent"),
            (" for a file of your own.", ""),
        ]
    name = safe_line(checked[0].path.name, 40)
    return [(f"{name} is sound. ", ""), ("l", "accent"), (" goes to Launch and trains a model on it.", "")]
