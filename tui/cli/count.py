"""`tunedeck count`: a dataset's tokens, exactly and without a network."""

from __future__ import annotations

from pathlib import Path

import click

from tui.cli.count_details import calibration_of, details_json, print_details, print_spread
from tui.cli.count_row import print_row
from tui.cli.counter import counter_for, limit_for
from tui.cli.format_option import chosen_format, format_option
from tui.cli.output import json_option, narrate, print_json, say
from tui.cli.slow_progress import SlowProgress
from tui.datasets.counting import CountResult, count_file
from tui.datasets.options import DEFAULT_MODEL
from tui.errors import ExitCode


@click.command("count")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Whose vocabulary.")
@format_option
@click.option("--line", type=click.IntRange(min=1), help="Only this line, by role.")
@click.option("--tokens", "every_token", is_flag=True, help="With --line: every token of it.")
@click.option("--quick", is_flag=True, help="Estimate at once from a sample, with ranges; for large files.")
@click.option("--fresh", is_flag=True, help="Read the file again even where its report is kept.")
@click.option("--details", is_flag=True, help="Percentiles by role, rows beyond the limit, finished jobs.")
@json_option
def command(
    file: Path,
    model: str,
    format_name: str | None,
    line: int | None,
    every_token: bool,
    quick: bool,
    fresh: bool,
    details: bool,
    as_json: bool,
) -> int:
    """Count a dataset's tokens exactly, or with --quick about.

    An example counts 3, plus for each message 3 and the tokens of its texts (role, content, name and one more
    for a name), plus tool definitions. Trained are the assistant's texts whose weight is not 0.

    Exit codes: 0 all counted; 1 some lines hold no JSON object, or there are none; 2 it can't be read.
    """
    if quick and (line is not None or every_token or details):
        raise click.UsageError("--quick goes with none of --line, --tokens and --details.")
    dataset_format = chosen_format(format_name)
    tokenizer = counter_for(model)
    if quick:
        from tui.cli.quick import print_quick_count

        limit = limit_for(model, tokenizer)
        return print_quick_count(file, model, dataset_format, tokenizer, limit, as_json=as_json)
    if line is not None:
        print_row(
            file, line, model, dataset_format, tokenizer, limit_for(model, tokenizer),
            every_token=every_token, as_json=as_json,
        )  # fmt: skip
        return int(ExitCode.DONE)
    if every_token:
        raise click.UsageError("--tokens needs --line N.")
    with SlowProgress("Counting") as progress:
        result = count_file(
            file, model, dataset_format=dataset_format, tokenizer=tokenizer,
            token_limit=limit_for(model, tokenizer), fresh=fresh, on_progress=progress.update,
        )  # fmt: skip
    calibration = calibration_of(result) if details or not as_json else None
    if as_json:
        print_json(details_json(result, calibration) if details else result.as_json())
    else:
        _print_result(file, result)
        if calibration is not None:
            say(f"Per epoch: {calibration.sentence(result.report.tokens.per_epoch)} (shown, not applied)")
        if details:
            print_details(result)
    if result.skipped_lines:
        narrate(
            f"{result.skipped_lines:,} line(s) hold no JSON object and are not counted: see tunedeck check."
        )
    elif not result.examples:
        narrate("No line could be counted: see tunedeck check.")
    return int(ExitCode.DONE if result.examples and not result.skipped_lines else ExitCode.BAD)


def _print_result(file: Path, result: CountResult) -> None:
    spread = result.per_example
    say(f"{file} for {result.model} ({result.encoding})")
    say(f"Examples: {result.examples:,}")
    say(f"Tokens in all: {result.total_tokens:,}")
    say(f"Trained tokens: {result.trained_tokens:,}")
    say(
        f"Tokens per example: least {spread.min:,}, mean {spread.mean:,.1f}, median {spread.median:,.1f}, "
        f"95 % below {spread.p95:,.1f}, most {spread.max:,}"
    )
    print_spread(result)
