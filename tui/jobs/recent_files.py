"""The datasets a person chose, as lists offer them again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui import paths

if TYPE_CHECKING:
    from tui.store.lists import StoreLists
    from tui.store.rows import DatasetRecord


def recent_files(store: StoreLists, limit: int) -> list[DatasetRecord]:
    """Return the datasets last looked at that still exist, newest first.

    The two parts that a launch splits a file into are left out: nobody chose them, they bear the file's name,
    and training on one by mistake would split it once more.
    """
    parts = paths.splits_dir().absolute()
    records = store.recent_datasets(3 * limit)  # a launch leaves up to two parts beside each file
    chosen = [record for record in records if not record.path.is_relative_to(parts) and record.path.exists()]
    return chosen[:limit]
