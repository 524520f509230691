"""Sweeps, their trials and launches: written down before anything is sent, so that a crash loses none."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tui.store.database import Database
from tui.store.notice_queries import want_notice

if TYPE_CHECKING:  # Home paints without
    from tui.records.sweeps import Stage, Sweep, SweepNote, SweepState, Trial


class SweepQueries(Database):
    """The part of the store about sweeps."""

    def add_sweep(self, sweep: Sweep) -> bool:
        """Keep a sweep that a person agreed to; False when its id is kept already."""
        with self.transaction() as connection:
            cursor = connection.execute(
                "INSERT OR IGNORE INTO sweeps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (sweep.id, sweep.name, json.dumps(sweep.definition), json.dumps(sweep.agreed),
                 str(sweep.state), sweep.reason, sweep.created_at, sweep.started_at, sweep.ended_at,
                 sweep.is_stop_asked, sweep.winner),
            )  # fmt: skip
            return cursor.rowcount == 1

    def sweep(self, sweep_id: str) -> Sweep | None:
        """Return one sweep, or None."""
        rows = self.query("SELECT * FROM sweeps WHERE id = ?", (sweep_id,))
        return _sweep(rows[0]) if rows else None

    def sweeps(self) -> list[Sweep]:
        """Return every sweep, newest first."""
        return [_sweep(row) for row in self.query("SELECT * FROM sweeps ORDER BY created_at DESC, id")]

    def begin_sweep(self, sweep_id: str) -> None:
        """Note that a sweep runs; the first beginning counts for its time. A stop that waits still waits."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE sweeps SET stop_asked = CASE WHEN ended_at IS NULL THEN stop_asked ELSE 0 END,"
                " state = 'running', reason = '', ended_at = NULL, started_at = coalesce(started_at, ?)"
                " WHERE id = ?",
                (int(time.time()), sweep_id),
            )

    def end_sweep(self, sweep_id: str, state: SweepState, reason: str) -> None:
        """Note that a sweep has ended, and why; that is news, and each end of one that is resumed is."""
        now = int(time.time())
        with self.transaction() as connection:
            connection.execute(
                "UPDATE sweeps SET state = ?, reason = ?, ended_at = ?, stop_asked = 0 WHERE id = ?",
                (str(state), reason, now, sweep_id),
            )
            want_notice(connection, "", sweep_id, "sweep", f"{state} {now}", reason)

    def ask_sweep_to_stop(self, sweep_id: str) -> None:
        """Ask whoever runs a sweep to stop it."""
        with self.transaction() as connection:
            connection.execute("UPDATE sweeps SET stop_asked = 1 WHERE id = ?", (sweep_id,))

    def agree_to_sweep(self, sweep: Sweep) -> None:
        """Keep prices and caps that a person confirmed anew."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE sweeps SET definition = ?, agreed = ? WHERE id = ?",
                (json.dumps(sweep.definition), json.dumps(sweep.agreed), sweep.id),
            )

    def choose_winner(self, sweep_id: str, number: int) -> None:
        """Keep which trial a person promoted."""
        with self.transaction() as connection:
            connection.execute("UPDATE sweeps SET winner = ? WHERE id = ?", (number, sweep_id))

    def forget_sweep(self, sweep_id: str) -> None:
        """Forget a sweep and its trials; their jobs and models stay."""
        with self.transaction() as connection:
            for table in ("sweep_trials", "sweep_stages", "sweep_log"):
                connection.execute(f"DELETE FROM {table} WHERE sweep_id = ?", (sweep_id,))
            connection.execute("DELETE FROM sweeps WHERE id = ?", (sweep_id,))

    def add_trial(self, trial: Trial) -> bool:
        """Keep a trial that was asked for, before anything is sent; False when its number is taken."""
        with self.transaction() as connection:
            cursor = connection.execute(
                "INSERT OR IGNORE INTO sweep_trials VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", _trial_row(trial)
            )
            return cursor.rowcount == 1

    def save_trials(self, trials: Iterable[Trial]) -> None:
        """Keep trials as they are now, together."""
        with self.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO sweep_trials VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [_trial_row(trial) for trial in trials],
            )

    def trials(self, sweep_id: str) -> list[Trial]:
        """Return a sweep's trials in the order of asking."""
        from tui.records.sweeps import Trial, TrialState

        rows = self.query("SELECT * FROM sweep_trials WHERE sweep_id = ? ORDER BY number", (sweep_id,))
        return [
            Trial(row["sweep_id"], row["number"], json.loads(row["settings"]), TrialState(row["state"]),
                  row["rung"], row["value"], row["note"], row["asked_at"], row["ended_at"])
            for row in rows
        ]  # fmt: skip

    def save_stage(self, stage: Stage) -> None:
        """Keep a launch of a trial, or what came of it."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO sweep_stages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (stage.sweep_id, stage.number, stage.rung, stage.run_id, stage.account, stage.price,
                 stage.currency, stage.value, stage.answers_cost),
            )  # fmt: skip

    def stages(self, sweep_id: str) -> list[Stage]:
        """Return the launches of a sweep, by trial and rung."""
        from tui.records.sweeps import Stage

        rows = self.query("SELECT * FROM sweep_stages WHERE sweep_id = ? ORDER BY number, rung", (sweep_id,))
        return [
            Stage(row["sweep_id"], row["number"], row["rung"], row["run_id"], row["account"], row["price"],
                  row["currency"], row["value"], row["answers_cost"])
            for row in rows
        ]  # fmt: skip

    def note_sweep(self, sweep_id: str, words: str) -> None:
        """Write a line into a sweep's log."""
        with self.transaction() as connection:
            connection.execute("INSERT INTO sweep_log VALUES (?, ?, ?)", (sweep_id, int(time.time()), words))

    def sweep_log(self, sweep_id: str) -> list[SweepNote]:
        """Return a sweep's log, oldest first."""
        from tui.records.sweeps import SweepNote

        rows = self.query("SELECT at, words FROM sweep_log WHERE sweep_id = ? ORDER BY rowid", (sweep_id,))
        return [SweepNote(row["at"], row["words"]) for row in rows]


def _trial_row(trial: Trial) -> tuple[object, ...]:
    return (
        trial.sweep_id, trial.number, json.dumps(dict(trial.settings)), str(trial.state), trial.rung,
        trial.value, trial.note, trial.asked_at, trial.ended_at,
    )  # fmt: skip


def _sweep(row: sqlite3.Row) -> Sweep:
    from tui.records.sweeps import Sweep, SweepState

    return Sweep(
        row["id"], row["name"], json.loads(row["definition"]), json.loads(row["agreed"]),
        SweepState(row["state"]), row["reason"], row["created_at"], row["started_at"], row["ended_at"],
        bool(row["stop_asked"]), row["winner"],
    )  # fmt: skip
