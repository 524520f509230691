"""`tunedeck split`: training, validation and test files of one dataset."""

from __future__ import annotations

from pathlib import Path

import click

from tui.cli.format_option import chosen_format, format_option
from tui.cli.output import json_option
from tui.cli.reshape import (
    PREVIEW_WIDTH,
    SHOWN_ROWS,
    amount,
    dry_run_option,
    force_option,
    seed_option,
    stratify_options,
    stratum_key,
    tell,
)
from tui.cli.slow_progress import SlowProgress
from tui.datasets.reshape.preview import first_rows
from tui.datasets.reshape.row_table import RowTable
from tui.datasets.reshape.split import Amount, SplitWish, Together, plan_split
from tui.datasets.reshape.tracker import Tracker
from tui.datasets.reshape.write import target_names, write_plan
from tui.errors import ExitCode


@click.command("split")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--validation", default="10%", show_default=True, callback=amount, metavar="AMOUNT",
    help="Rows put aside for validation: 10%, 0.1 or 200.",
)  # fmt: skip
@click.option("--test", callback=amount, metavar="AMOUNT", help="Rows for a third file, to test with.")
@seed_option
@stratify_options
@click.option("--group", default="", metavar="EXPR", help="Never part rows with the same JMESPath value.")
@click.option(
    "--together", type=click.Choice([str(one) for one in Together]), default="same", show_default=True,
    help="Never part rows that are the same, nearly the same, or have the same system prompt.",
)  # fmt: skip
@format_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder of the new files; else FILE's.")
@force_option
@dry_run_option
@json_option
def command(
    file: Path, validation: Amount, test: Amount | None, seed: int, stratify: str | None,
    stratify_answer: bool, group: str, together: str, format_name: str | None,
    output: Path | None, force: bool, dry_run: bool, as_json: bool,
) -> int:  # fmt: skip
    """Split FILE by chance into NAME.training.jsonl, NAME.validation.jsonl and NAME.test.jsonl.

    Rows keep their bytes and their order. Identical rows always go the same way, so that no row that is
    trained on is in the validation; --together and --group keep more together. Whole groups may make a file a
    little smaller than asked for.

    Exit codes: 0 done; 2 wrong use or unreadable, or there are fewer groups than files.
    """
    wish = SplitWish(
        validation, test, seed, stratum_key(stratify, stratify_answer), group, Together(together)
    )
    read_as = chosen_format(format_name)
    with SlowProgress("Splitting") as progress, RowTable.open(file, read_as=read_as) as table:
        tracker = Tracker(progress.update)
        plan = plan_split(table, wish, tracker)
        written = None
        if not dry_run:
            written = write_plan(plan, target_names(plan, output), overwrite=force, tracker=tracker)
        rows = first_rows(plan, SHOWN_ROWS, PREVIEW_WIDTH) if dry_run and not as_json else []
    tell(plan, written, rows, as_json=as_json)
    return int(ExitCode.DONE)
