"""Models to record and what was recorded, as lines of the record screen."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from screens.job_words import ago
from tui.chat.lanes import Lane
from tui.chat.model_names import short_model_name
from tui.evals.record_source import CHATS, Recordable
from tui.records.recordings import Recording
from tui.safe_text import safe_line
from tui.widgets.table import Column, TableRow
from tui.widgets.tones import Part
from tui.widgets.words import plural

if TYPE_CHECKING:
    from tui.evals.background import RunState
    from tui.evals.record import RecordPlan, RecordResult

MODEL_COLUMNS = (
    Column("", 1, tone="accent"),
    Column("Model", cut="middle"),
    Column("Ends in", 10, align="right"),
    Column("Account", 10, tone="muted", drop_below=56),
)
RECORDING_COLUMNS = (
    Column("Recorded model", cut="middle"),
    Column("Answers", 13, align="right"),
    Column("Refused", 8, align="right", drop_below=96),
    Column("Questions of", 20, cut="middle", tone="muted", drop_below=64),
    Column("Begun", 12, align="right", tone="muted", drop_below=72),
)


def lane_key(lane: Lane) -> str:
    """Return what tells a lane from all others."""
    return f"{lane.account}\n{lane.model}"


def model_row(one: Recordable, marked: Collection[Lane], *, ascii_only: bool = False) -> TableRow:
    """Return a model that can be recorded."""
    life = one.lifetime
    ends: Part = (life.words, "warning" if life.ends_soon else "muted")
    mark = ("*" if ascii_only else "●") if one.lane in marked else ""
    name: Part = (safe_line(short_model_name(one.lane.model), 100), "strong" if one.is_tuned else "")
    return TableRow(lane_key(one.lane), [mark, name, ends, one.lane.account])


def recording_row(one: Recording) -> TableRow:
    """Return what was recorded of a model."""
    whole = one.missing == 0
    answers: Part = (f"{one.answered:,} of {one.rows:,}", "good" if whole else "warning")
    return TableRow(
        one.id,
        [safe_line(short_model_name(one.model), 100), answers, f"{one.refused:,}" if one.refused else "",
         source_words(one.source), ago(one.created_at)],
    )  # fmt: skip


def source_words(source: str) -> str:
    """Return where questions are from, for a narrow column."""
    return "your chats" if source == CHATS else safe_line(Path(source).name, 80)


def state_words(state: RunState[RecordPlan, RecordResult]) -> Part:
    """Return how a recording stands or ended."""
    if state.is_stopping:
        return "Stopping…", "warning"
    if state.is_running:
        models = len(state.plan.lanes) if state.plan is not None else 0
        return f"Recording {plural(models, 'model')}: {state.done:,} of {state.total:,}", "accent"
    if state.problem is not None:
        return safe_line(f"{state.problem.message} {state.problem.remedy}", 300), "bad"
    result = state.result
    if result is None:
        return "", "muted"
    spent = "" if result.spent is None else f", {result.spent.words}"
    without = " without logprobs, which the service does not give" if result.without_logprobs else ""
    if result.complete:
        return f"Recorded: {plural(result.asked, 'answer')} asked for{spent}{without}.", "good"
    return f"Not complete: {result.why_incomplete}{spent}. s goes on where it was.", "warning"
