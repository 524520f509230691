"""What the stops of a training answered, as far as it is kept; and the stops in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tui.chat.lanes import LaneAnswer
from tui.evals.cases import Case
from tui.evals.compare.asking import ComparePlan, kept_answers, kept_logprobs
from tui.evals.compare.live import lane_answer
from tui.evals.compare.marks import Marked, marked
from tui.evals.compare.scrub import TrainingStop
from tui.evals.ports import EvalServices
from tui.widgets.tones import Part

_SHOWN, _BEFORE = 7, 3
"""Stops in the row, and those before the one that is shown."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the stops answered, as far as it is kept."""

    case: Case
    answers: tuple[LaneAnswer | None, ...]
    marks: tuple[Marked | None, ...]
    """Of each stop against the one before."""


def read_found(services: EvalServices, case: Case, plan: ComparePlan, stops: Sequence[TrainingStop]) -> Found:
    """Return what is kept of a prompt; reads the store."""
    (kept,), (told,) = kept_answers(services, plan), kept_logprobs(services, plan)
    answers = [None if one is None else lane_answer(one, each) for one, each in zip(kept, told, strict=True)]
    marks: list[Marked | None] = [None]
    for place, (before, now) in enumerate(pairwise(answers)):
        if before is None or now is None:
            marks.append(None)
            continue
        labels = [stops[place].label, stops[place + 1].label]
        calls = (before.tool_calls, now.tool_calls)
        marks.append(marked((before.text, now.text), (before.logprobs, now.logprobs), labels, calls))
    return Found(case, tuple(answers), tuple(marks))


def stop_parts(
    stops: Sequence[TrainingStop], shown: int, found: Found | None, *, ascii_only: bool
) -> list[Part]:
    """Draw the stops in a row: the one shown in brackets, those with an answer with a dot."""
    parts: list[Part] = []
    first = max(0, min(shown - _BEFORE, len(stops) - _SHOWN))
    for place, stop in list(enumerate(stops))[first : first + _SHOWN]:
        answered = found is not None and found.answers[place] is not None
        mark = ("*" if answered else "o") if ascii_only else ("●" if answered else "○")
        here = place == shown
        label = f"[{mark} {stop.label}]" if here else f" {mark} {stop.label} "
        parts += [("─", "muted")] if parts and not ascii_only else []
        parts.append((label, "strong" if here else "muted"))
    return parts
