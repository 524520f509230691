"""`tunedeck sample`: some rows of a dataset, by chance."""

from __future__ import annotations

from pathlib import Path

import click

from tui.cli.format_option import format_option
from tui.cli.output import json_option
from tui.cli.reshape import (
    amount,
    dry_run_option,
    force_option,
    in_place_option,
    output_option,
    reshape_file,
    seed_option,
    stratify_options,
    stratum_key,
)
from tui.datasets.reshape.sample import SampleWish, plan_sample
from tui.datasets.reshape.split import Amount


@click.command("sample")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-n", "--rows", "wanted", default="10%", show_default=True, callback=amount, metavar="AMOUNT",
    help="How many: 10%, 0.1 or 200.",
)  # fmt: skip
@seed_option
@stratify_options
@format_option
@output_option
@in_place_option
@force_option
@dry_run_option
@json_option
def command(
    file: Path, wanted: Amount, seed: int, stratify: str | None, stratify_answer: bool,
    format_name: str | None, output: Path | None, in_place: bool, force: bool, dry_run: bool, as_json: bool,
) -> int:  # fmt: skip
    """Take some rows of FILE by chance and write NAME.sampled.jsonl; they stay in their order.

    Exit codes: 0 done; 2 wrong use or unreadable.
    """
    wish = SampleWish(wanted, seed, stratum_key(stratify, stratify_answer))
    return reshape_file(
        file, lambda table, tracker: plan_sample(table, wish, tracker), "Sampling",
        output=output, in_place=in_place, force=force, dry_run=dry_run, as_json=as_json,
        format_name=format_name,
    )  # fmt: skip
