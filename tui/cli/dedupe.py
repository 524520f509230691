"""`tunedeck dedupe`: one of the rows that say the same."""

from __future__ import annotations

from pathlib import Path

import click

from tui.cli.format_option import format_option
from tui.cli.output import json_option
from tui.cli.reshape import dry_run_option, force_option, in_place_option, output_option, reshape_file
from tui.datasets.reshape.dedupe import DedupeWish, Keep, Sameness, plan_dedupe


@click.command("dedupe")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--by", type=click.Choice([str(one) for one in Sameness]), default="exact", show_default=True,
    help="Same bytes, same JSON, same prompt whatever the answer, or nearly the same words.",
)  # fmt: skip
@click.option(
    "--keep", type=click.Choice([str(one) for one in Keep]), default="first", show_default=True,
    help="Which of the same rows stays.",
)  # fmt: skip
@format_option
@output_option
@in_place_option
@force_option
@dry_run_option
@json_option
def command(
    file: Path, by: str, keep: str, format_name: str | None, output: Path | None, in_place: bool,
    force: bool, dry_run: bool, as_json: bool,
) -> int:  # fmt: skip
    """Leave one of the rows of FILE that say the same, and write NAME.deduped.jsonl.

    Every row that goes is listed with the line that stays for it. Near duplicates are those of the rule
    near-duplicate, of the first million rows; chains of such rows are one group.

    Exit codes: 0 written; 1 with --dry-run, rows are repeated; 2 wrong use or unreadable.
    """
    wish = DedupeWish(Sameness(by), Keep(keep))
    return reshape_file(
        file, lambda table, tracker: plan_dedupe(table, wish, tracker), "Comparing",
        output=output, in_place=in_place, force=force, dry_run=dry_run, as_json=as_json, finds_fault=True,
        format_name=format_name,
    )  # fmt: skip
