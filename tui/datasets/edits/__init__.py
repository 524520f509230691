"""Changes to a dataset: an overlay over the file, a journal that survives a crash, saving to a new file."""

from __future__ import annotations

from tui.datasets.edits.journal import discard_edits
from tui.datasets.edits.overlay import EditedDataset
from tui.datasets.edits.pending import PendingEdits, pending_edits, rescue_rows
from tui.datasets.edits.state import ChangeSummary, RowState

__all__ = [
    "ChangeSummary",
    "EditedDataset",
    "PendingEdits",
    "RowState",
    "discard_edits",
    "pending_edits",
    "rescue_rows",
]
