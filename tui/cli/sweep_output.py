"""How sweeps are printed for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.cli.output import print_table, say
from tui.jobs.metrics import duration_text
from tui.sweeps.board import Board, TrialRow, board_lines
from tui.sweeps.space import settings_words, value_words

if TYPE_CHECKING:
    from tui.jobs.plan import PreflightLine

_SIGNS = {"ok": "ok  ", "warn": "note", "stop": "STOP"}


def line_words(line: PreflightLine) -> str:
    """Return a line of a preflight."""
    remedy = f" {line.remedy}" if line.level != "ok" and line.remedy else ""
    return f"{_SIGNS[line.level]} {line.text}{remedy}"


def print_board(board: Board) -> None:
    """Print a sweep: how it stands, its trials, what mattered."""
    for name, words in board_lines(board).items():
        say(f"{name}: {words}")
    if board.left_seconds is not None:
        say(f"Left: about {duration_text(board.left_seconds)}")
    names = [axis.name for axis in board.terms.axes]
    if board.rows:
        print_table(
            ["TRIAL", "RANK", "STATE", *names, "VALUE", "COST", "JOB", "NOTE"],
            [_cells(row, names) for row in _in_order(board)],
        )
    known = [one for one in board.importance if one.share is not None]
    if known:
        shares = ", ".join(f"{one.name} {one.share or 0:.0%}" for one in known)
        say(f"Of the differences, alone: {shares} ({known[0].trials} trials)")


def promoted_words(row: TrialRow) -> str:
    """Return what was promoted, in a line."""
    return f"Trial {row.trial.number}: {settings_words(row.trial.settings)}"


def _in_order(board: Board) -> list[TrialRow]:
    ranked = board.ranked
    return [*ranked, *(row for row in board.rows if row.rank is None)]


def _cells(row: TrialRow, names: Sequence[str]) -> list[object]:
    trial, job = row.trial, row.job
    settings = [value_words(name, trial.settings[name]) if name in trial.settings else "" for name in names]
    return [
        trial.number, row.rank or "", trial.state, *settings,
        "" if trial.value is None else f"{trial.value:.4g}", row.cost_words, "" if job is None else job.id,
        trial.note,
    ]  # fmt: skip
