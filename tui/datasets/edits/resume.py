"""Takes up the changes that a journal still holds: after a crash, or when a file is opened again."""

from __future__ import annotations

from tui.datasets.edits.changing import Editor
from tui.datasets.edits.fingerprint import Fingerprint
from tui.datasets.edits.history import replay
from tui.datasets.edits.journal import Journal, JournalInUse, journal_path
from tui.datasets.edits.pending import refuse_unless_fitting
from tui.datasets.source import Dataset
from tui.errors import TunedeckError


def take_up_changes(editor: Editor, dataset: Dataset) -> None:
    """Lay the changes of a file's journal over it, if there is one; another program's is only read past.

    Raises:
        TunedeckError: The journal is damaged, or does not fit the file any more.
    """
    place = journal_path(dataset.path)
    if not place.exists():
        return
    try:
        journal = Journal.open(place)
    except JournalInUse as error:
        editor.read_only_reason = error.message
        return
    try:
        found = replay(journal)
        now = Fingerprint.of(dataset.path)
        if found.becomes is not None and Fingerprint.from_json(found.becomes) == now:
            journal.remove()  # killed between the renaming and this
            return
        if found.history.is_saved and not found.state.marks:
            journal.remove()
            return
        refuse_unless_fitting(found, now, dataset)
    except TunedeckError:
        journal.close()
        raise
    except (ValueError, IndexError, KeyError, TypeError) as error:
        journal.close()
        raise TunedeckError(
            f"The journal of changes to {dataset.path} is damaged.",
            f"Open the file without it; it stays at {place}.",
        ) from error
    journal.cut(found.end)
    editor.take_over(journal, found)
    if Fingerprint.from_json(found.fingerprint) != now:
        journal.add({"op": "file", "file": now.as_json()})
        journal.commit()
