"""Rows that were proposed for training files: runs, their proposals, and what was decided."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tui.store.database import Database

if TYPE_CHECKING:
    from tui.records.proposals import Proposal, ProposalRun, ProposalState

_COUNTED = (
    "SELECT r.*, (SELECT json_group_object(state, count) FROM (SELECT p.state AS state, count(*) AS count"
    " FROM proposals p WHERE p.run = r.id GROUP BY p.state)) AS counts FROM proposal_runs r"
)


class ProposalQueries(Database):
    """The part of the store about proposed rows; answers are those of `EvalQueries`, by their digests."""

    def save_proposal_run(self, run: ProposalRun) -> None:
        """Keep what is about to be asked; again, it changes nothing."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO proposal_runs VALUES (?, ?, ?, ?, ?, ?, ?)",
                (run.id, str(run.kind), run.account, run.model, run.target,
                 json.dumps(dict(run.definition)), run.created_at),
            )  # fmt: skip

    def proposal_runs(self) -> list[ProposalRun]:
        """Return every run with its counts, newest first."""
        rows = self.query(f"{_COUNTED} ORDER BY r.created_at DESC, r.rowid DESC")
        return [_run(row) for row in rows]

    def proposal_run(self, run_id: str) -> ProposalRun | None:
        """Return one run with its counts, or None."""
        rows = self.query(f"{_COUNTED} WHERE r.id = ?", (run_id,))
        return _run(rows[0]) if rows else None

    def delete_proposal_run(self, run_id: str) -> bool:
        """Forget a run with its proposals; the answers that were paid for stay. False when there is none."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM proposals WHERE run = ?", (run_id,))
            connection.execute("DELETE FROM proposal_sources WHERE run = ?", (run_id,))
            return connection.execute("DELETE FROM proposal_runs WHERE id = ?", (run_id,)).rowcount == 1

    def taken_sources(self, run_id: str) -> set[int]:
        """Return which askings of a run have been made into proposals."""
        rows = self.query("SELECT number FROM proposal_sources WHERE run = ?", (run_id,))
        return {row["number"] for row in rows}

    def save_proposals(self, run_id: str, source: int, proposals: Sequence[Proposal]) -> bool:
        """Keep what one asking came to, all of it together; False when it was kept before.

        Args:
            run_id: Whose.
            source: Number of the asking within its run.
            proposals: What was made of its answer, the unusable included.
        """
        with self.transaction() as connection:
            done = connection.execute(
                "INSERT OR IGNORE INTO proposal_sources VALUES (?, ?)", (run_id, source)
            )
            if not done.rowcount:
                return False
            connection.executemany(
                "INSERT OR IGNORE INTO proposals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, NULL)",
                [
                    (run_id, one.number, str(one.state), one.line, _plain(one.why), json.dumps(one.seeds),
                     _plain(one.near), one.near_share, one.near_line, one.temperature, one.prompt,
                     one.made_at)
                    for one in proposals
                ],
            )  # fmt: skip
            return True

    def proposals(self, run_id: str, *states: ProposalState, limit: int = -1) -> list[Proposal]:
        """Return proposals of a run in their order; all of them, or those in these states.

        Args:
            run_id: Whose.
            states: Without any, all.
            limit: Most of them; -1 for all.
        """
        marks = ", ".join("?" * len(states))
        where = f" AND state IN ({marks})" if states else ""
        rows = self.query(
            f"SELECT * FROM proposals WHERE run = ?{where} ORDER BY number LIMIT ?",
            (run_id, *(str(state) for state in states), limit),
        )
        return [_proposal(row) for row in rows]

    def proposal(self, run_id: str, number: int) -> Proposal | None:
        """Return one proposal, or None."""
        rows = self.query("SELECT * FROM proposals WHERE run = ? AND number = ?", (run_id, number))
        return _proposal(rows[0]) if rows else None

    def decide_proposal(
        self, run_id: str, number: int, state: ProposalState, expected: Sequence[ProposalState], at: int
    ) -> bool:
        """Keep a decision; False when the proposal is in none of the `expected` states any more."""
        marks = ", ".join("?" * len(expected))
        with self.transaction() as connection:
            changed = connection.execute(
                "UPDATE proposals SET state = ?, decided_at = ? WHERE run = ? AND number = ?"
                f" AND state IN ({marks})",
                (str(state), at, run_id, number, *(str(one) for one in expected)),
            )
            return changed.rowcount == 1

    def edit_proposal(self, run_id: str, number: int, line: bytes) -> bool:
        """Put another row in the place of a proposal that is not written yet; False when it is."""
        with self.transaction() as connection:
            changed = connection.execute(
                "UPDATE proposals SET line = ?, edited = 1 WHERE run = ? AND number = ?"
                " AND state IN ('waiting', 'kept', 'rejected')",
                (line, run_id, number),
            )
            return changed.rowcount == 1

    def mark_written(self, run_id: str, numbers: Iterable[int], at: int) -> None:
        """Say that kept proposals stand in the training file."""
        with self.transaction() as connection:
            connection.executemany(
                "UPDATE proposals SET state = 'written', decided_at = ? WHERE run = ? AND number = ?"
                " AND state = 'kept'",
                [(at, run_id, number) for number in numbers],
            )

    def validation_paths(self) -> set[str]:
        """Return the files that launches from here were given for validation, as they were written then."""
        rows = self.query("SELECT request FROM launches")
        requests = [json.loads(row["request"]) for row in rows]
        return {str(one["validation"]) for one in requests if one.get("validation")}

    def validation_contents(self) -> set[str]:
        """Return SHA-256, in hex, of every file that a job known here was validated on."""
        rows = self.query(
            "SELECT DISTINCT f.sha256 FROM files f JOIN jobs j ON j.account = f.account"
            " AND j.validation_file = f.id"
        )
        return {row["sha256"] for row in rows}

    def validations_of(self, training: str) -> set[str]:
        """Return the validation files of launches that trained on a file."""
        rows = self.query("SELECT request FROM launches")
        requests = [json.loads(row["request"]) for row in rows]
        return {
            str(one["validation"])
            for one in requests
            if one.get("validation") and str(one.get("training")) == training
        }


def _plain(text: str) -> str:
    # SQLite keeps UTF-8, which has no unpaired surrogates.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _run(row: sqlite3.Row) -> ProposalRun:
    from tui.records.proposals import MakingKind, ProposalRun, ProposalState

    counts = json.loads(row["counts"] or "{}")
    return ProposalRun(
        row["id"], MakingKind(row["kind"]), row["account"], row["model"], row["target"],
        json.loads(row["definition"]), row["created_at"],
        {ProposalState(state): count for state, count in counts.items()},
    )  # fmt: skip


def _proposal(row: sqlite3.Row) -> Proposal:
    from tui.records.proposals import Proposal, ProposalState

    return Proposal(
        row["run"], row["number"], ProposalState(row["state"]), row["line"], row["why"],
        tuple(json.loads(row["seeds"])), row["near"], row["near_share"], row["near_line"],
        row["temperature"], row["prompt"], row["made_at"], bool(row["edited"]),
    )  # fmt: skip
