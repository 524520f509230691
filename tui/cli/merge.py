"""`tunedeck merge`: one dataset of several."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from tui.cli.format_option import chosen_format, format_option
from tui.cli.output import json_option
from tui.cli.reshape import PREVIEW_WIDTH, SHOWN_ROWS, dry_run_option, force_option, tell
from tui.cli.slow_progress import SlowProgress
from tui.datasets.reshape.merge import plan_merge
from tui.datasets.reshape.preview import first_rows
from tui.datasets.reshape.row_table import RowTable
from tui.datasets.reshape.tracker import Tracker
from tui.datasets.reshape.write import write_plan
from tui.errors import ExitCode, TunedeckError


@click.command("merge")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The new file.")
@click.option(
    "--provenance", is_flag=True, help="Also write NAME.sources.jsonl: the file and line of each row."
)
@format_option
@force_option
@dry_run_option
@json_option
def command(
    files: tuple[Path, ...],
    output: Path | None,
    provenance: bool,
    format_name: str | None,
    force: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Put the rows of FILES into one file, one file behind the other; rows keep their bytes.

    The files must be of one format. What else some of them have and others have not is told, as are rows that
    stand in two of them.

    Exit codes: 0 done; 1 the files are of different formats; 2 wrong use or unreadable.
    """
    if output is None and not dry_run:
        raise TunedeckError("The new file has no name.", "Name it with -o, or use --dry-run.")
    with SlowProgress("Merging") as progress, ExitStack() as stack:
        tracker = Tracker(progress.update)
        read_as = chosen_format(format_name)
        tables = [stack.enter_context(RowTable.open(file, tracker, read_as=read_as)) for file in files]
        plan = plan_merge(tables, tracker, provenance=provenance)
        written = None
        if output is not None and not dry_run:
            written = write_plan(plan, [output], overwrite=force, tracker=tracker)
        rows = first_rows(plan, SHOWN_ROWS, PREVIEW_WIDTH) if written is None and not as_json else []
    tell(plan, written, rows, as_json=as_json)
    return int(ExitCode.DONE)
