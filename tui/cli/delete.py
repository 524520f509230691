"""`tunedeck delete`: a dataset without the rows of a choice."""

from __future__ import annotations

from pathlib import Path

import click

from tui.cli.counter import usual_options
from tui.cli.format_option import chosen_format, format_option
from tui.cli.output import json_option
from tui.cli.reshape import dry_run_option, force_option, in_place_option, output_option, reshape_file
from tui.cli.rows import line_span
from tui.datasets.options import DEFAULT_MODEL
from tui.datasets.reshape.delete import plan_delete
from tui.datasets.row_choice import RowWish
from tui.errors import TunedeckError


@click.command("delete")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--range", "span", metavar="A-B", help="Lines A to B; either may be left out.")
@click.option("--facet", "facets", multiple=True, metavar="NAME", help="Rows that have it; may be repeated.")
@click.option("--where", default="", metavar="EXPR", help="Rows for which this JMESPath expression holds.")
@click.option("--keep", is_flag=True, help="Leave out all others instead.")
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Whose limits the facets mean.")
@format_option
@output_option
@in_place_option
@force_option
@dry_run_option
@json_option
def command(
    file: Path, span: str | None, facets: tuple[str, ...], where: str, keep: bool, model: str,
    format_name: str | None, output: Path | None, in_place: bool, force: bool, dry_run: bool, as_json: bool,
) -> int:  # fmt: skip
    """Leave out the rows of FILE that fit the choice, and write NAME.kept.jsonl.

    What is given together must all hold, as in tunedeck rows, which shows the same choice.

    Exit codes: 0 done; 2 wrong use or unreadable, or no row would be left.
    """
    if span is None and not facets and not where:
        raise TunedeckError("Which rows is not said.", "Use --range, --facet or --where.")
    first, last = line_span(span)
    wish = RowWish(first, last, facets, where, model=model)
    options = usual_options(chosen_format(format_name))
    return reshape_file(
        file, lambda table, tracker: plan_delete(table, wish, tracker, keep=keep, options=options), "Reading",
        output=output, in_place=in_place, force=force, dry_run=dry_run, as_json=as_json,
    )  # fmt: skip
