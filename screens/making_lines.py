"""Queues of proposed rows as lines, and how making them stands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from screens.evaluate_facts import standing_parts
from screens.job_words import ago
from tui.chat.model_names import short_model_name
from tui.records.proposals import ProposalRun, ProposalState
from tui.safe_text import safe_line
from tui.widgets.table import Cell, Column, TableRow
from tui.widgets.tones import Part
from tui.widgets.words import plural

if TYPE_CHECKING:
    from tui.evals.background import RunState
    from tui.proposals.plan import ProposalPlan
    from tui.proposals.run import ProposalOutcome

RUN_COLUMNS = (
    Column("How", 11),
    Column("Made by", cut="middle"),
    Column("Waiting", 8, align="right", tone="accent"),
    Column("Kept", 6, align="right"),
    Column("Written", 8, align="right"),
    Column("Rejected", 9, align="right", drop_below=90),
    Column("Not offered", 12, align="right", tone="muted", drop_below=90),
    Column("For", 16, cut="middle", tone="muted", drop_below=60),
    Column("Begun", 12, align="right", tone="muted", drop_below=100),
)


def run_row(run: ProposalRun) -> TableRow:
    """Return a queue as a line."""
    who = safe_line(short_model_name(run.model), 80) if run.model else "this machine"
    states = (ProposalState.WAITING, ProposalState.KEPT, ProposalState.WRITTEN, ProposalState.REJECTED)
    counts: list[Cell] = [f"{run.count(state):,}" for state in states]
    hidden = run.count(ProposalState.UNUSABLE, ProposalState.REPEATED)
    target = safe_line(Path(run.target).name, 80)
    cells: list[Cell] = [str(run.kind), who, *counts, f"{hidden:,}", target, ago(run.created_at)]
    return TableRow(run.id, cells)


def state_parts(state: RunState[ProposalPlan, ProposalOutcome]) -> Sequence[Part]:
    """Return how making rows stands, or how it ended."""
    outcome = state.result
    before_the_end = standing_parts(state)
    if before_the_end or outcome is None:
        return before_the_end
    waiting = outcome.run.count(ProposalState.WAITING)
    parts: list[Part] = [(f"{plural(waiting, 'row')} wait for you: ctrl+r looks at them.", "strong")]
    repeated = outcome.run.count(ProposalState.REPEATED)
    if outcome.why_not:
        why, count = next(iter(outcome.why_not.items()))
        total = sum(outcome.why_not.values())
        parts.append((f" {total:,} could not be used, {count:,} of them: {safe_line(why, 120)}", "muted"))
    if repeated:
        parts.append((f" {repeated:,} repeat others.", "muted"))
    if not outcome.complete:
        parts.append((f"\nNot complete: {outcome.why_incomplete}.", "warning"))
    return parts
