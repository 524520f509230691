"""`tunedeck cut`: rows that fit a model's limit of tokens."""

from __future__ import annotations

from pathlib import Path

import click

from tui.cli.counter import counter_for, limit_for
from tui.cli.format_option import format_option
from tui.cli.output import json_option
from tui.cli.reshape import dry_run_option, force_option, in_place_option, output_option, reshape_file
from tui.datasets.options import DEFAULT_MODEL
from tui.datasets.reshape.cut import CutWish, plan_cut
from tui.datasets.reshape.turns import CutHow
from tui.errors import TunedeckError


@click.command("cut")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Whose vocabulary and limit.")
@click.option("--limit", type=click.IntRange(min=1), help="Most tokens of a row; else the model's.")
@click.option(
    "--how", type=click.Choice([str(one) for one in CutHow]), default="middle", show_default=True,
    help="Leave out exchanges in the middle or the oldest, or make several rows of one.",
)  # fmt: skip
@format_option
@output_option
@in_place_option
@force_option
@dry_run_option
@json_option
def command(
    file: Path, model: str, limit: int | None, how: str, format_name: str | None,
    output: Path | None, in_place: bool, force: bool,
    dry_run: bool, as_json: bool,
) -> int:  # fmt: skip
    """Make rows of FILE that are too long fit, and write NAME.cut.jsonl.

    Whole exchanges go, a user's message with all that answers it; system messages and the last exchange stay.
    What went is written in whole to NAME.cut.lost.jsonl. With --how split a conversation becomes several
    rows, each with the system messages and an answer at its end. Rows that fit keep their bytes, and so do
    those of which nothing would be left to train on.

    Exit codes: 0 every row fits; 1 rows stay too long, or with --dry-run, rows would be cut; 2 wrong use or
    unreadable.
    """
    reader = counter_for(model)
    most = limit if limit is not None else limit_for(model, reader)
    if most is None:
        raise TunedeckError(f"No limit is known for {model}.", "Give one with --limit.")
    wish = CutWish(model, most, CutHow(how), reader)
    return reshape_file(
        file, lambda table, tracker: plan_cut(table, wish, tracker), "Counting",
        output=output, in_place=in_place, force=force, dry_run=dry_run, as_json=as_json, finds_fault=True,
        format_name=format_name,
    )  # fmt: skip
