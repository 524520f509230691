"""`tunedeck shuffle`: the rows of a dataset in an order by chance."""

from __future__ import annotations

from pathlib import Path

import click

from tui.cli.output import json_option
from tui.cli.reshape import (
    dry_run_option,
    force_option,
    in_place_option,
    output_option,
    reshape_file,
    seed_option,
)
from tui.datasets.reshape.sample import plan_shuffle


@click.command("shuffle")
@click.argument("file", type=click.Path(path_type=Path))
@seed_option
@output_option
@in_place_option
@force_option
@dry_run_option
@json_option
def command(
    file: Path, seed: int, output: Path | None, in_place: bool, force: bool, dry_run: bool, as_json: bool
) -> int:
    """Put the rows of FILE into an order by chance and write NAME.shuffled.jsonl.

    Only row numbers are held in memory, 24 bytes a row, so a file may be of any size.

    Exit codes: 0 done; 2 wrong use or unreadable.
    """
    return reshape_file(
        file, lambda table, _: plan_shuffle(table, seed), "Shuffling",
        output=output, in_place=in_place, force=force, dry_run=dry_run, as_json=as_json,
    )  # fmt: skip
