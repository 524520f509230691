"""What the verbs that make new files of rows share: their options, and how a plan is told and written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.cli.format_option import chosen_format
from tui.cli.output import narrate, print_json, print_table, say
from tui.cli.slow_progress import SlowProgress
from tui.datasets.reshape.keys import Key, KeyKind
from tui.datasets.reshape.plan import Plan
from tui.datasets.reshape.preview import ShownRow, first_rows
from tui.datasets.reshape.row_table import RowTable
from tui.datasets.reshape.tracker import Tracker
from tui.datasets.reshape.write import Written, target_names, write_in_place, write_plan
from tui.errors import ExitCode, TunedeckError
from tui.safe_text import safe_line

if TYPE_CHECKING:
    from tui.datasets.reshape.split import Amount

SHOWN_ROWS = 3
_SHOWN_LOST = 20
PREVIEW_WIDTH = 100

Planner = Callable[[RowTable, Tracker], Plan]

output_option = click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="The new file; else beside FILE."
)
in_place_option = click.option(
    "--in-place", is_flag=True, help="Replace FILE itself; the original stays as FILE.bak."
)
force_option = click.option("--force", is_flag=True, help="Overwrite the new file if it exists.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Show counts and some rows; write nothing.")
seed_option = click.option(
    "--seed", type=click.IntRange(0, (1 << 64) - 1), default=42, show_default=True,
    help="The same file and seed give the same rows.",
)  # fmt: skip


def stratify_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --stratify and --stratify-answer."""
    command = click.option(
        "--stratify-answer", is_flag=True, help="Keep the mix of last answers, such as labels."
    )(command)
    return click.option(
        "--stratify", metavar="EXPR", help="Keep the mix of what this JMESPath expression gives."
    )(command)


def stratum_key(expression: str | None, by_answer: bool) -> Key | None:
    """Return what the mix is kept of.

    Raises:
        TunedeckError: Both ways are asked for.
    """
    if expression is not None and by_answer:
        raise TunedeckError("--stratify and --stratify-answer exclude each other.", "Choose one.")
    if by_answer:
        return Key(KeyKind.ANSWER)
    return None if expression is None else Key(KeyKind.VALUE, expression)


def amount(_ctx: click.Context, option: click.Parameter, text: str | None) -> Amount | None:
    """Read a number of rows or a share, for click."""
    from tui.datasets.reshape.split import Amount

    if text is None:
        return None
    try:
        return Amount.parse(text)
    except TunedeckError as error:
        raise click.BadParameter(f"{error.message} {error.remedy}", param=option) from None


def reshape_file(
    file: Path,
    planner: Planner,
    label: str,
    *,
    output: Path | None,
    in_place: bool,
    force: bool,
    dry_run: bool,
    as_json: bool,
    finds_fault: bool = False,
    format_name: str | None = None,
) -> int:
    """Plan, tell and write one new file of the rows of one.

    Args:
        file: The source.
        planner: Makes the plan.
        label: Stands before the progress.
        output: The new file; None takes a name beside the source.
        in_place: Put it in the source's place.
        force: Overwrite.
        dry_run: Write nothing.
        as_json: Print JSON.
        finds_fault: With `dry_run`, rows that would go are a fault: exit code 1.
        format_name: What the rows are read as; None leaves it to each row.

    Returns:
        The exit code.
    """
    if in_place and output is not None:
        raise TunedeckError("--in-place and --output exclude each other.", "Choose one.")
    read_as = chosen_format(format_name)
    with SlowProgress(label) as progress, RowTable.open(file, read_as=read_as) as table:
        tracker = Tracker(progress.update)
        plan = planner(table, tracker)
        written = None
        if not dry_run:
            if in_place:
                written = write_in_place(plan, tracker=tracker)
            else:
                targets = [output] if output is not None else target_names(plan)
                written = write_plan(plan, targets, overwrite=force, tracker=tracker)
        told = [] if written or as_json else first_rows(plan, SHOWN_ROWS, PREVIEW_WIDTH)
    tell(plan, written, told, as_json=as_json)
    if plan.still_bad or (dry_run and finds_fault and plan.lost_rows):
        return int(ExitCode.BAD)
    return int(ExitCode.DONE)


def tell(plan: Plan, written: Written | None, rows: list[ShownRow], *, as_json: bool) -> None:
    """Print what is done, or would be."""
    if as_json:
        counts = [{"name": output.name, "rows": output.rows} for output in plan.outputs]
        files = {"written": None} if written is None else {"written": written.as_json()}
        print_json({**plan.as_json(), "outputs": counts, **files})
        return
    _tell_counts(plan, written)
    for row in rows:
        say(f"  {row.output}  line {row.line:,}  {row.words}")
    for one in plan.lost[:_SHOWN_LOST]:
        say(f"  line {one.line:,}: {one.why}")
    more = plan.lost_rows - min(len(plan.lost), _SHOWN_LOST)
    if more > 0:
        narrate(f"and {more:,} more; --json lists the first 1,000.")
    for note in plan.notes:
        narrate(note)
    if plan.seed is not None:
        say(f"Seed {plan.seed}: the same file and seed give the same rows again.")
    if written is None:
        narrate("Nothing is written (--dry-run).")


def _tell_counts(plan: Plan, written: Written | None) -> None:
    for table in plan.tables:
        print_table(
            (safe_line(table.title, 60), *table.columns), [(name, *counts) for name, counts in table.lines]
        )
        if table.more:
            narrate(f"and {table.more:,} more values")
    if written is None:
        for output in plan.outputs:
            say(f"{output.name}: {output.rows:,} of {plan.rows:,} rows")
        return
    for file in written.files:
        of = "of" if file.rows <= plan.rows else "made of"
        say(f"{file.name}: {file.rows:,} rows {of} {plan.rows:,} in {file.path}")
    if written.side_file is not None:
        say(f"{written.side_file.name}: {written.side_file.rows:,} lines in {written.side_file.path}")
    if written.backup is not None:
        say(f"The original is {written.backup}")
