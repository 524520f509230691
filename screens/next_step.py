"""The one sentence on Home that says what to do next, with its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from screens.home_facts import ending_step
from tui.engine_watch import EngineState, Phase
from tui.jobs.overview import UNDER_WAY, Overview
from tui.records.jobs import JobState
from tui.safe_text import safe_line
from tui.widgets.tones import Part
from tui.widgets.words import size

if TYPE_CHECKING:
    from tui.jobs.radar import Radar


def next_step(engine: EngineState, known: Overview, radar: Radar | None = None) -> list[Part]:
    """Return the sentence as parts, keys in the accent.

    Args:
        engine: State of the local engine.
        known: What the store has.
        radar: What ends soon; None before that is read.
    """
    if engine.phase is Phase.FAILED:
        return [
            ("The local engine could not start. ", "bad"),
            (f"{engine.error} {engine.remedy} ", ""),
            ("r", "accent"),
            (" tries again.", ""),
        ]
    return (
        _job_step(known)
        or ending_step(radar)
        or _fetch_step(engine)
        or _model_step(known)
        or _dataset_step(known)
    )


def _job_step(known: Overview) -> list[Part]:
    active = [job for job in known.jobs if job.state in UNDER_WAY]
    if not active:
        return []
    # The newest may wait for the one that runs, and only that one has a curve to look at.
    first = min(active, key=lambda job: job.state is not JobState.RUNNING)
    name = safe_line(first.suffix or first.model, 40)
    said = f"{name} is" if len(active) == 1 else f"{name} and {len(active) - 1} more are"
    return [(f"{said} under way. ", ""), ("enter", "accent"), (" on it shows the curves live.", "")]


def _fetch_step(engine: EngineState) -> list[Part]:
    if engine.phase is not Phase.FETCHING:
        return []
    return [
        (f"The base model is on its way ({size(engine.total_bytes)}, once). Meanwhile ", ""),
        ("e", "accent"),
        (" opens the shipped example.", ""),
    ]


def _model_step(known: Overview) -> list[Part]:
    tuned = [model for model in known.models if model.is_fine_tuned]
    if not tuned:
        return []
    name = safe_line(tuned[0].id, 60)
    return [("c", "accent"), (f" talks to {name} beside its base.", "")]


def _dataset_step(known: Overview) -> list[Part]:
    checked = [record for record in known.datasets if record.valid]
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
