"""A sweep as a person sees it: trials with rank, curve, money and time left; read from the store alone."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tui import paths
from tui.jobs.metrics import eta_seconds
from tui.jobs.so_far import so_far
from tui.money.amounts import format_money
from tui.records.jobs import Job
from tui.records.sweeps import Sweep, SweepNote, SweepState, Trial, TrialState
from tui.sweeps.book import SweepBook
from tui.sweeps.importance import Importance, importance_of
from tui.sweeps.planning import cap_of
from tui.sweeps.ports import SweepServices
from tui.sweeps.runner import is_being_run
from tui.sweeps.sampling import known_settings
from tui.sweeps.spending import Spending, Spent
from tui.sweeps.terms import SweepTerms

_LOGGED = re.compile(r"\d\d:\d\d:\d\d ")
"""How a line of a sweep's log begins; an error begins otherwise."""


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One trial of a board."""

    trial: Trial
    job: Job | None
    """Of the rung that it is at, as it is kept."""
    rank: int | None
    """From 1; None before it has a value."""
    losses: tuple[float, ...]
    """Training loss in order of steps, thinned."""
    last_step: int | None
    spent: Spent
    cost_words: str
    """Of its newest job, for people."""
    left_seconds: float | None

    def as_json(self) -> dict[str, Any]:
        """Return the row for `--json`; money as numbers, null when unknown."""
        trial, job = self.trial, self.job
        return {
            "number": trial.number, "rank": self.rank, "state": str(trial.state), "rung": trial.rung,
            "settings": dict(trial.settings), "value": trial.value, "note": trial.note or None,
            "account": None if job is None else job.account, "job": None if job is None else job.id,
            "job_state": None if job is None else str(job.state),
            "model": None if job is None else job.fine_tuned_model,
            "spent": None if self.spent.unpriced else float(self.spent.now),
            "left_seconds": self.left_seconds,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Board:
    """A whole sweep."""

    sweep: Sweep
    terms: SweepTerms
    rows: tuple[TrialRow, ...]
    """In the order of asking."""
    planned: int
    """Trials that are to come in all."""
    spent: Spent
    cap: str
    """The most that it may cost, for people; empty where nothing is charged or nobody capped it."""
    is_run: bool
    """A process is at it now."""
    left_seconds: float | None
    importance: tuple[Importance, ...]
    last_words: str
    """Of the process that was at it, where it ended before the sweep did; empty else."""
    log: tuple[SweepNote, ...]

    @property
    def ranked(self) -> list[TrialRow]:
        """The trials that have a value, the best first."""
        return sorted((row for row in self.rows if row.rank is not None), key=lambda row: row.rank or 0)

    @property
    def best(self) -> TrialRow | None:
        """The best trial, or None before any has a value."""
        return next(iter(self.ranked), None)

    @property
    def currency(self) -> str:
        """Of the money."""
        return str(self.sweep.agreed.get("currency", "USD"))

    @property
    def state_words(self) -> str:
        """How it stands, for people: `running`, `interrupted`, `stopping`, `stopped`, `done`."""
        if self.sweep.state.is_over:
            return str(self.sweep.state)
        if not self.is_run:
            return "ready" if self.sweep.state is SweepState.READY else "interrupted"
        return "stopping" if self.sweep.is_stop_asked else "running"

    @property
    def money_words(self) -> str:
        """What it has cost, for people."""
        if not self.spent.committed and not self.spent.unpriced:
            return "free" if self.sweep.agreed.get("total") in ("0", "0.0", "0.00") else "nothing yet"
        now = format_money(self.spent.now, self.currency)
        more = f" of {format_money(self.spent.committed, self.currency)} promised" if self._promises else ""
        unknown = f", {self.spent.unpriced} without a price" if self.spent.unpriced else ""
        return f"{now}{more}{f' (cap {self.cap})' if self.cap else ''}{unknown}"

    @property
    def _promises(self) -> bool:
        return self.spent.committed > self.spent.now

    def row(self, number: int) -> TrialRow | None:
        """Return one trial."""
        return next((row for row in self.rows if row.trial.number == number), None)

    def as_json(self) -> dict[str, Any]:
        """Return the board for `--json`."""
        sweep, best = self.sweep, self.best
        return {
            "id": sweep.id, "name": sweep.name, "state": self.state_words, "reason": sweep.reason or None,
            "created_at": sweep.created_at, "started_at": sweep.started_at, "ended_at": sweep.ended_at,
            "objective": self.terms.objective.words, "planned": self.planned,
            "best": None if best is None else best.trial.number, "promoted": sweep.winner,
            "spent": None if self.spent.unpriced else float(self.spent.now),
            "promised": None if self.spent.unpriced else float(self.spent.committed),
            "currency": self.currency, "left_seconds": self.left_seconds,
            "importance": [one.as_json() for one in self.importance],
            "trials": [row.as_json() for row in self.rows],
            "log": [{"at": line.at, "words": line.words} for line in self.log],
        }  # fmt: skip


def ranked_trials(terms: SweepTerms, trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials with a value, the best first; of a halving, who came further goes before."""
    known = [trial for trial in trials if trial.value is not None]
    return sorted(known, key=lambda one: (-one.rung, terms.objective.order(one.value), one.number))


class BoardReader:
    """Reads boards of one sweep; trials that are over, with their jobs, are read once.

    Args:
        services: Store, catalog and accounts.
        sweep_id: Which.
    """

    def __init__(self, services: SweepServices, sweep_id: str) -> None:
        self._services = services
        self._sweep_id = sweep_id
        self._spending = Spending(services)
        self._over: dict[int, TrialRow] = {}

    def read(self, now: float | None = None) -> Board:
        """Return the sweep as it is kept; asks no service.

        Args:
            now: Unix seconds that times left are counted from; None takes the clock's.

        Raises:
            TunedeckError: There is no such sweep, or the store can't be read.
        """
        moment = time.time() if now is None else now
        book = SweepBook(self._services, self._sweep_id, lambda words: None)
        trials = list(book.trials.values())
        ranks = {one.number: place for place, one in enumerate(ranked_trials(book.terms, trials), 1)}
        rows = tuple(self._row(book, trial, ranks.get(trial.number), moment) for trial in trials)
        planned = max(_planned(book.terms), len(rows))
        total = Spent()
        for row in rows:
            total += row.spent
        cap = cap_of(book.sweep, book.terms)
        currency = str(book.sweep.agreed.get("currency", "USD"))
        is_run = not book.sweep.state.is_over and is_being_run(self._sweep_id)
        died = book.sweep.state is SweepState.RUNNING and not is_run
        return Board(
            book.sweep, book.terms, rows, planned, total, format_money(cap, currency) if cap else "",
            is_run, _left(book, rows, planned, moment),
            tuple(importance_of(book.terms, trials, list(book.stages.values()))),
            _last_words(self._sweep_id) if died else "",
            tuple(self._services.store.sweep_log(self._sweep_id)),
        )  # fmt: skip

    def _row(self, book: SweepBook, trial: Trial, rank: int | None, now: float) -> TrialRow:
        known = self._over.get(trial.number)
        if known is not None and known.trial == trial:
            return known if known.rank == rank else replace(known, rank=rank)
        job = book.job_of(trial) or (book.job_of(trial, trial.rung - 1) if trial.rung else None)
        spent = self._spending.of([stage for stage in book.stages.values() if stage.number == trial.number])
        if job is None:
            return TrialRow(trial, None, rank, (), None, spent, "", None)
        store = self._services.store
        outline = store.job_outline(job.account, job.id)
        events = store.recent_metrics_events(job.account, job.id)
        left = None if trial.state.is_over else eta_seconds(job, events, now)
        words = so_far(self._services, job, events, now=now).cost_words
        row = TrialRow(trial, job, rank, outline.losses, outline.last_step, spent, words, left)
        if trial.state.is_over and job.state.is_final:
            self._over[trial.number] = row
        return row


def read_board(services: SweepServices, sweep_id: str, *, now: float | None = None) -> Board:
    """As `BoardReader.read`, once."""
    return BoardReader(services, sweep_id).read(now)


def _planned(terms: SweepTerms) -> int:
    if terms.search.trials is not None:
        return terms.search.trials
    return len(known_settings(terms) or ())


def _left(book: SweepBook, rows: Sequence[TrialRow], planned: int, now: float) -> float | None:
    """Return about how long the sweep still takes, by the trials that have ended; None before one has."""
    if book.sweep.state.is_over:
        return None
    took = [
        row.trial.ended_at - row.trial.asked_at
        for row in rows
        if row.trial.ended_at is not None and row.trial.state in (TrialState.DONE, TrialState.PRUNED)
    ]
    if not took:
        return None
    open_now = [row for row in rows if not row.trial.state.is_over]
    coming = max(0, planned - len(rows))
    at_once = max(1, int(book.sweep.agreed.get("at_once") or 1))
    mean = sum(took) / len(took)
    begun = sum(max(0.0, mean - (now - row.trial.asked_at)) for row in open_now)
    return (coming * mean + begun) / at_once


def _last_words(sweep_id: str) -> str:
    """Return the error that a sweep's process wrote last; empty where it was killed without a word."""
    folder = paths.sweeps_dir() / sweep_id
    try:
        logs = sorted(folder.glob("*.log"), key=os.path.getmtime)
        lines = logs[-1].read_text("utf-8", "replace").splitlines() if logs else []
    except OSError:
        return ""
    last = next((line for line in reversed(lines) if line.strip()), "")
    return "" if _LOGGED.match(last) else last.strip()


def board_lines(board: Board) -> Mapping[str, str]:
    """Return what stands above a board: name -> words."""
    best = board.best
    done = sum(row.trial.state.is_over for row in board.rows)
    objective = board.terms.objective
    return {
        "Sweep": f"{board.sweep.name} ({board.sweep.id})",
        "State": board.state_words + (f": {board.sweep.reason}" if board.sweep.reason else ""),
        "Search": f"{board.terms.search.strategy}, {done} of {board.planned} over; by {objective.words}",
        "Best": "none yet" if best is None else f"trial {best.trial.number}, {best.trial.value:.4g}",
        "Money": board.money_words,
        **({"Its process ended with": board.last_words} if board.last_words else {}),
    }
