"""How sweeps and trials are told in words and columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tui.records.sweeps import SettingValue, Trial, TrialState
from tui.safe_text import safe_line
from tui.sweeps.board import Board, TrialRow
from tui.sweeps.space import value_words
from tui.widgets.spark import spark
from tui.widgets.table import Cell, Column
from tui.widgets.tones import Part, Tone

SPARK_WIDTH = 8
_LABELS = {
    "learning_rate_multiplier": "Rate ×", "learning_rate": "Rate", "n_epochs": "Epochs",
    "batch_size": "Batch",
    "model": "Model", "training": "Data", "validation": "Valid.", "seed": "Seed", "beta": "Beta",
}  # fmt: skip
_LEAST_WIDTH, _MOST_WIDTH, _SHOWN_AXES = 6, 18, 4
_LOOKS: Mapping[TrialState, tuple[str, Tone]] = {
    TrialState.PLANNED: ("… planned", "muted"),
    TrialState.RUNNING: ("▶ running", "accent"),
    TrialState.RESTING: ("‖ resting", "warning"),
    TrialState.DONE: ("✓ done", "good"),
    TrialState.PRUNED: ("– left out", "muted"),
    TrialState.FAILED: ("✗ failed", "bad"),
    TrialState.CANCELLED: ("– cancelled", "muted"),
}
_STATES: Mapping[str, tuple[str, Tone]] = {
    "running": ("▶", "accent"),
    "stopping": ("‖", "warning"),
    "interrupted": ("!", "warning"),
    "ready": ("…", "muted"),
    "stopped": ("–", "warning"),
    "done": ("✓", "good"),
}


def sweep_state(board: Board) -> Part:
    """Return how a sweep stands."""
    sign, tone = _STATES[board.state_words]
    return f"{sign} {board.state_words}", tone


def trial_state(trial: Trial) -> Part:
    """Return how a trial stands."""
    return _LOOKS[trial.state]


def axis_label(name: str) -> str:
    """Return a short heading of an axis."""
    return _LABELS.get(name, safe_line(name, _MOST_WIDTH))


def trial_columns(board: Board) -> tuple[Column, ...]:
    """Return the columns of a board: a few of its axes among them, as wide as their values."""
    axes = [axis.name for axis in board.terms.axes][:_SHOWN_AXES]
    rung = (Column("Rung", 4, "right", "muted", 90),) if board.terms.halving is not None else ()
    return (
        Column("Trial", 7),
        Column("Rank", 4, "right"),
        Column("State", 11),
        *(Column(axis_label(name), _width(board, name), "right") for name in axes),
        Column("Value", 8, "right", "strong"),
        *rung,
        Column("Curve", SPARK_WIDTH, tone="accent"),
        Column("Cost", 10, "right", "muted", 84),
        Column("Left", 8, "right", "muted", 100),
        Column("", 0, tone="muted", drop_below=110),
    )


def trial_cells(board: Board, row: TrialRow, mark: Part, *, ascii_only: bool, left: str) -> list[Cell]:
    """Return the cells of a trial, for `trial_columns`."""
    trial = row.trial
    axes = [axis.name for axis in board.terms.axes][:_SHOWN_AXES]
    is_winner = board.sweep.winner == trial.number
    rung: list[Cell] = [str(trial.rung + 1)] if board.terms.halving is not None else []
    note = f"promoted{'; ' if trial.note else ''}{trial.note}" if is_winner else trial.note
    return [
        mark,
        "–" if row.rank is None else (str(row.rank), "good" if row.rank == 1 else ""),
        trial_state(trial),
        *(_value(name, trial.settings) for name in axes),
        "–" if trial.value is None else f"{trial.value:.4g}",
        *rung,
        spark(row.losses, SPARK_WIDTH, ascii_only=ascii_only),
        _cost(row),
        left,
        safe_line(note or ("" if row.job is None else row.job.id), 200),
    ]


def importance_parts(board: Board) -> list[Part]:
    """Return what mattered, in a line; empty while nothing can be said."""
    known = [one for one in board.importance if one.share is not None]
    if not known:
        return []
    words = ", ".join(f"{axis_label(one.name)} {one.share or 0:.0%}" for one in known[:_SHOWN_AXES])
    return [("   matters alone: ", "muted"), (words, "strong")]


def _cost(row: TrialRow) -> str:
    if row.job is None:
        return "–"
    words = row.cost_words
    return words if words == "free" else words.removeprefix("about ").partition(" of ")[0]


def _value(name: str, settings: Mapping[str, SettingValue]) -> str:
    return safe_line(value_words(name, settings[name]), 60) if name in settings else "–"


def _width(board: Board, name: str) -> int:
    shown: Sequence[str] = [_value(name, row.trial.settings) for row in board.rows]
    longest = max([len(axis_label(name)), *(len(one) for one in shown)])
    return min(_MOST_WIDTH, max(_LEAST_WIDTH, longest))
