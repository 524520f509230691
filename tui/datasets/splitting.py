"""The plain split of a job's file into training and validation, on the core of `tunedeck split`."""

from __future__ import annotations

from pathlib import Path

from tui.datasets.reshape.row_table import RowTable
from tui.datasets.reshape.split import Amount, SplitWish, plan_split
from tui.datasets.reshape.write import target_names, write_plan
from tui.errors import TunedeckError


def split_file(path: Path, validation_share: float, seed: int, out_dir: Path) -> tuple[Path, Path]:
    """Split a file by chance and return (training file, validation file).

    Rows keep their bytes and their order; identical rows go the same way, so that the validation does not
    leak. Blank lines are left out. Both files appear whole or not at all.

    Args:
        path: The dataset.
        validation_share: Share of the rows for validation, above 0 and below 1; each side gets a row.
        seed: Decides which rows.
        out_dir: Where NAME.training.jsonl and NAME.validation.jsonl are written; made when missing.

    Raises:
        TunedeckError: The share makes no sense, there are fewer than two different rows, or a file can't be
            read or written.
    """
    if not 0 < validation_share < 1:
        raise TunedeckError(
            f"A validation share of {validation_share} makes no sense.", "Give 0.1 for a tenth."
        )
    with RowTable.open(path) as table:
        plan = plan_split(table, SplitWish(Amount(share=validation_share), seed=seed))
        written = write_plan(plan, target_names(plan, out_dir), overwrite=True)
    training, validation = (file.path for file in written.files)
    return training, validation
