"""Changes that an earlier run left behind: are there any, do they still fit, what can be saved of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tui.datasets.atomic import new_file
from tui.datasets.edits.fingerprint import Fingerprint, row_digest
from tui.datasets.edits.history import Replay, replay
from tui.datasets.edits.journal import Journal, JournalInUse, journal_path
from tui.datasets.edits.state import ChangeSummary
from tui.datasets.source import Dataset
from tui.errors import TunedeckError


@dataclass(frozen=True, slots=True)
class PendingEdits:
    """What a journal holds."""

    changes: ChangeSummary
    last_change: float
    """Unix seconds."""
    problem: TunedeckError | None
    """Why it can't be gone on with, and what can be done instead; None when it can."""


class EditsOutdated(TunedeckError):
    """The file is not the one that was changed."""


def pending_edits(path: Path) -> PendingEdits | None:
    """Look for changes that were not saved; None when there are none.

    Raises:
        TunedeckError: The file or the journal can't be read, or another program has it open.
    """
    place = journal_path(path)
    if not place.exists():
        return None
    journal = Journal.open(place)
    dataset = None
    try:
        found = replay(journal)
        now = Fingerprint.of(path)
        if found.becomes is not None and Fingerprint.from_json(found.becomes) == now:
            return None
        if found.history.is_saved and not found.state.marks:
            return None
        dataset = Dataset.open(path)
        return PendingEdits(
            found.state.summary(),
            place.stat().st_mtime,
            _problem(found, now, dataset),
        )
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise TunedeckError(f"{place} is damaged.", "Discard it, or look into it by hand.") from error
    finally:
        journal.close()
        if dataset is not None:
            dataset.close()


def refuse_unless_fitting(found: Replay, now: Fingerprint, dataset: Dataset) -> None:
    """Raise when a journal's changes can't be laid over the file as it is now.

    Raises:
        EditsOutdated: They can't.
    """
    problem = _problem(found, now, dataset)
    if problem is not None:
        raise problem


def _problem(found: Replay, now: Fingerprint, dataset: Dataset) -> EditsOutdated | None:
    """A file that changed elsewhere is no obstacle: each row that was touched must be as it was."""
    if Fingerprint.from_json(found.fingerprint) == now:
        return None
    differing = _first_difference(found, dataset)
    if differing is None:
        return None
    return EditsOutdated(
        f"{dataset.path} was changed by something else since you changed it here: {differing}.",
        "Your changes are kept. Put the old file back and open it again; or write the changed and new rows "
        "to a file of their own; or discard them.",
    )


def _first_difference(found: Replay, dataset: Dataset) -> str | None:
    if not found.digests:
        return None
    if max(found.digests) > dataset.row_count:
        dataset.build_index()
    for line in sorted(found.digests):
        if line > dataset.row_count:
            return f"line {line:,} is gone"
        if row_digest(dataset.line(line)) != found.digests[line]:
            return f"line {line:,} is another one"
    return None


def rescue_rows(path: Path, target: Path, *, overwrite: bool = False) -> int:
    """Write the changed and new rows of a journal to a file of their own and return how many they are.

    The way out when the file was changed underneath. The journal stays.

    Raises:
        TunedeckError: There is no journal, it is in use or damaged, or the target can't be written.
    """
    place = journal_path(path)
    if not place.exists():
        raise TunedeckError(f"There are no changes to {path}.")
    journal = Journal.open(place)
    try:
        found = replay(journal)
        with new_file(target, overwrite=overwrite) as file:
            rows = 0
            for line in _changed_rows(found, journal):
                file.write(line + b"\n")
                rows += 1
        return rows
    except (ValueError, IndexError, KeyError) as error:
        raise TunedeckError(f"{place} is damaged.", "Look into it by hand.") from error
    finally:
        journal.close()


def _changed_rows(found: Replay, journal: Journal) -> Iterator[bytes]:
    for first, length in found.state.order.runs():
        if first < 0:
            yield journal.content(found.state.contents[first])
            continue
        inside = (who for who in found.state.contents if first <= who < first + length)
        for who in sorted(inside):
            yield journal.content(found.state.contents[who])


__all__ = ["EditsOutdated", "JournalInUse", "PendingEdits", "pending_edits", "rescue_rows"]
