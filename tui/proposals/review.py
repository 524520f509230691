"""The queue of proposed rows: look at one, keep, change or reject it; then write what is kept, once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from tui.datasets.append import append_line
from tui.datasets.check_row import check_row
from tui.datasets.files import unchanged_file
from tui.datasets.lines import LineReader
from tui.datasets.report import Finding, Severity
from tui.errors import ExitCode, TunedeckError
from tui.proposals.definition import Definition
from tui.proposals.nearness import Neighbourhood
from tui.proposals.one_at_a_time import only_one
from tui.proposals.seeds import pair_of, spoken_of
from tui.proposals.targets import held_out_files, origins_file, refuse_other_kind, refuse_validation
from tui.records.proposals import Proposal, ProposalRun, ProposalState
from tui.store.store import Store

_OPEN = (ProposalState.WAITING, ProposalState.KEPT, ProposalState.REJECTED)
_NO_FILE = Path("no-such-file")


@dataclass(frozen=True, slots=True)
class WrittenRows:
    """What writing the kept rows did."""

    path: Path
    origins: Path
    rows: int
    """Appended now."""
    there_already: int
    """That stood in the file: of a writing that was cut short, or the same row otherwise."""
    held_back: tuple[tuple[int, str], ...] = ()
    """(proposal, why it was not written)."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "path": str(self.path),
            "origins": str(self.origins),
            "rows": self.rows,
            "there_already": self.there_already,
            "held_back": [{"number": number, "why": why} for number, why in self.held_back],
        }


def find_run(store: Store, name: str) -> ProposalRun:
    """Return a run by its id, the beginning of it, or `last`.

    Raises:
        TunedeckError: There is none, or several begin so.
    """
    every = store.proposal_runs()
    found = every[:1] if name == "last" else [one for one in every if name and one.id.startswith(name)]
    if len(found) > 1:
        raise TunedeckError(f"Several runs begin with {name}.", "Give more of the id.")
    if not found:
        raise TunedeckError(f"There is no run {name!r} of proposed rows.", "`tunedeck review` lists them.")
    return found[0]


class ReviewQueue:
    """One run's proposals, decided one at a time; every decision is kept as it is made.

    Args:
        store: Keeps them.
        run: Whose.
        clock: Unix seconds.

    Raises:
        TunedeckError: What the run was asked for can't be read.
    """

    def __init__(self, store: Store, run: ProposalRun, clock: Callable[[], float] = time.time) -> None:
        self._store, self.run, self._clock = store, run, clock
        self.definition = Definition.of(run)
        self._history: list[tuple[int, ProposalState]] = []

    def refreshed(self) -> ProposalRun:
        """Read the counts anew, and return the run with them."""
        self.run = self._store.proposal_run(self.run.id) or self.run
        return self.run

    def waiting(self, limit: int = -1) -> list[Proposal]:
        """Return what waits for a decision, in the order of asking."""
        return self._store.proposals(self.run.id, ProposalState.WAITING, limit=limit)

    def proposal(self, number: int) -> Proposal:
        """Return one proposal.

        Raises:
            TunedeckError: There is none of that number.
        """
        found = self._store.proposal(self.run.id, number)
        if found is None:
            raise TunedeckError(
                f"Run {self.run.id} has no proposal {number}.", f"`tunedeck review {self.run.id}` lists them."
            )
        return found

    def findings(self, line: bytes) -> tuple[Finding, ...]:
        """Return what the rules say of a row, the worst first."""
        return check_row(line, self.definition.format)

    def keep(self, number: int) -> None:
        """Take a row for the training file.

        Raises:
            TunedeckError: The rules refuse it, or it can't be decided any more.
        """
        proposal = self.proposal(number)
        errors = [one for one in self.findings(proposal.line) if one.severity is Severity.ERROR]
        if proposal.state in _OPEN and errors:
            raise TunedeckError(
                f"The rules refuse that row: {errors[0].message}", "Edit it first.", exit_code=ExitCode.BAD
            )
        self._decide(proposal, ProposalState.KEPT)

    def reject(self, number: int) -> None:
        """Leave a row out.

        Raises:
            TunedeckError: It can't be decided any more.
        """
        self._decide(self.proposal(number), ProposalState.REJECTED)

    def edit(self, number: int, line: bytes) -> None:
        """Put another row in its place; it is judged when it is kept.

        Raises:
            TunedeckError: It is written already, or was never offered.
        """
        if not self._store.edit_proposal(self.run.id, number, line):
            raise self._too_late(self.proposal(number))

    @property
    def can_take_back(self) -> bool:
        """True when a decision of this sitting can be taken back."""
        return bool(self._history)

    def take_back(self) -> int | None:
        """Undo the newest decision of this sitting; returns the proposal's number, or None."""
        while self._history:
            number, before = self._history.pop()
            if self._store.decide_proposal(self.run.id, number, before, _OPEN, int(self._clock())):
                return number
        return None

    def _decide(self, proposal: Proposal, state: ProposalState) -> None:
        if not self._store.decide_proposal(
            self.run.id, proposal.number, state, _OPEN, int(self._clock())
        ):  # fmt: skip
            raise self._too_late(proposal)
        self._history.append((proposal.number, proposal.state))

    def _too_late(self, proposal: Proposal) -> TunedeckError:
        words = {
            ProposalState.WRITTEN: "stands in the training file already",
            ProposalState.UNUSABLE: "was never offered: no row could be made of it",
            ProposalState.REPEATED: "was never offered: it repeats another row",
        }.get(proposal.state, "was decided elsewhere")
        return TunedeckError(f"Proposal {proposal.number} {words}.", "Go on with another one.")

    def write(self) -> WrittenRows:
        """Append what is kept to the training file, in one piece, with its origins beside.

        A writing that was cut short is gone on with: rows that stand there are not written again.

        Raises:
            TunedeckError: Nothing is kept, the file is held out or holds other rows, it can't be written, or
                another program is at it.
        """
        with only_one(self.run.id, "being made or written"):
            return self._write()

    def _write(self) -> WrittenRows:
        target = self.definition.target
        refuse_validation(self._store, target)
        refuse_other_kind(target, self.definition.format)
        kept = self._store.proposals(self.run.id, ProposalState.KEPT)
        if not kept:
            raise TunedeckError("No row is kept that is not written yet.", "Keep some first.")
        good, held_back = self._fit(kept)
        there = _digests_of(target)
        missing = [one for one in good if sha256(one.line).digest() not in there]
        if missing:
            append_line(target, b"\n".join(one.line for one in missing))
        origins = origins_file(target)
        self._write_origins(origins, good)
        self._store.mark_written(self.run.id, [one.number for one in good], int(self._clock()))
        self._history.clear()
        self.refreshed()
        return WrittenRows(target, origins, len(missing), len(good) - len(missing), tuple(held_back))

    def _fit(self, kept: Sequence[Proposal]) -> tuple[list[Proposal], list[tuple[int, str]]]:
        """Return those that may be written: a person may have written a held-out row, or one twice."""
        good: list[Proposal] = []
        held_back: list[tuple[int, str]] = []
        held_out = held_out_files(self._store, self.definition.target, self.definition.validation)
        near = Neighbourhood(_NO_FILE, held_out)
        try:
            for one in kept:
                nearest = near.nearest(one.line)
                if nearest is not None and nearest.is_near and nearest.in_validation:
                    why = f"{nearest.share:.0%} of it is {nearest.where}, which is held out for validation"
                    held_back.append((one.number, why))
                elif nearest is not None and nearest.is_same:
                    held_back.append((one.number, f"the same words as {nearest.where}"))
                else:
                    good.append(one)
                    near.add(one.line, f"proposal {one.number}")
        finally:
            near.close()
        return good, held_back

    def _write_origins(self, path: Path, rows: Sequence[Proposal]) -> None:
        known = set()
        if path.exists():
            for line in _lines_of(path):
                try:
                    value = json.loads(line)
                except ValueError:
                    continue
                if isinstance(value, dict):
                    known.add((value.get("row"), value.get("run"), value.get("number")))
        lines = []
        for one in rows:
            origin = self.origin(one)
            if (origin["row"], origin["run"], origin["number"]) not in known:
                lines.append(json.dumps(origin, ensure_ascii=False).encode("utf-8", "replace"))
        if lines:
            append_line(path, b"\n".join(lines))

    def origin(self, proposal: Proposal) -> dict[str, Any]:
        """Return where a row is from, as it is kept beside the training file."""
        made = datetime.fromtimestamp(proposal.made_at or self.run.created_at, UTC)
        return {
            "row": sha256(proposal.line).hexdigest(),
            "run": self.run.id,
            "number": proposal.number,
            "kind": str(self.run.kind),
            "account": self.run.account or None,
            "model": self.run.model or None,
            "prompt_sha256": proposal.prompt.hex() or None,
            "temperature": proposal.temperature,
            "date": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "seed_rows": list(proposal.seeds),
            "answers": str(self.definition.answers) if proposal.seeds else None,
            "task": self.definition.task or None,
            "edited": proposal.edited,
        }


def summary_of(line: bytes) -> str:
    """Return a row as its last question and its answer in one line; what the model wrote where it is none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return line.decode("utf-8", "replace")
    if not isinstance(row, dict):
        return line.decode("utf-8", "replace")
    spoken = spoken_of(row)
    preferred, rejected = pair_of(row)
    texts = [one["content"] for one in spoken[-2:]] if spoken else []
    texts += [preferred, rejected] if preferred or rejected else []
    return " => ".join(texts) if texts else line.decode("utf-8", "replace")


def later_split_note(target: Path) -> str:
    """Return what a person has to know before a launch splits a file that has made rows in it."""
    return (
        f"A launch that splits {target.name} by itself draws its validation from made rows, too: "
        "split the file first (tunedeck split) and add made rows to the training part."
    )


def _lines_of(path: Path) -> list[bytes]:
    found: list[bytes] = []
    with unchanged_file(path) as (stream, _):
        for _, lines in LineReader(stream).batches():
            found += lines
    return found


def _digests_of(path: Path) -> set[bytes]:
    if not path.exists():
        return set()
    found: set[bytes] = set()
    with unchanged_file(path) as (stream, _):
        for _, lines in LineReader(stream).batches():
            found.update(sha256(line.strip()).digest() for line in lines)
    return found
