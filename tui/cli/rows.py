"""`tunedeck rows`: rows of a dataset by number, facet, expression and size."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from tui.cli.counter import usual_options
from tui.cli.format_option import chosen_format, format_option
from tui.cli.output import json_option, narrate, print_json, print_json_array, print_table, say
from tui.cli.slow_progress import SlowProgress
from tui.datasets.conversation import Turn, conversation, preview
from tui.datasets.facets import FACETS
from tui.datasets.formats import DatasetFormat
from tui.datasets.options import DEFAULT_MODEL
from tui.datasets.row_choice import ChosenRows, RowChooser, RowWish
from tui.datasets.row_facts import format_of
from tui.datasets.row_order import SortKey
from tui.datasets.source import Dataset, Row
from tui.errors import ExitCode, TunedeckError
from tui.safe_text import safe_line, safe_text

_SHOWN = 20
_PREVIEW_WIDTH = 160


@click.command("rows")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--line", type=click.IntRange(min=1), help="This line, drawn as the conversation it is.")
@click.option("--range", "span", metavar="A-B", help="Lines A to B; either may be left out.")
@click.option("--facet", "facets", multiple=True, metavar="NAME", help="Rows that have it; may be repeated.")
@click.option("--facets", "count_facets", is_flag=True, help="Print how many rows each facet has.")
@click.option("--where", default="", metavar="EXPR", help="Rows for which this JMESPath expression holds.")
@click.option("--sort", type=click.Choice(["tokens", "bytes"]), help="Largest first.")
@click.option("--ascending", is_flag=True, help="With --sort: smallest first.")
@click.option("--limit", type=click.IntRange(min=0), help="Most rows; 0 prints all. [default: 20, as text]")
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Whose tokens and limits.")
@format_option
@click.option("--raw", is_flag=True, help="The lines themselves; byte for byte where no terminal reads them.")
@json_option
def command(
    file: Path,
    line: int | None,
    span: str | None,
    facets: tuple[str, ...],
    count_facets: bool,
    where: str,
    sort: str | None,
    ascending: bool,
    limit: int | None,
    model: str,
    format_name: str | None,
    raw: bool,
    as_json: bool,
) -> int:
    """Print rows of a dataset: by number, by what they have, by an expression, by size.

    Facets: errors, warnings, too-long, duplicate, unreadable, system, developer, user, assistant, tool,
    tools, images, thinking, untrained, multi-turn, blank. What is given together must all hold.

    Exit codes: 0 there are such rows; 1 there are none; 2 wrong use, or it can't be read; 130 interrupted.
    """
    if raw and as_json:
        raise TunedeckError("--raw and --json exclude each other.", "Choose one.")
    if line is not None and span is not None:
        raise TunedeckError("--line and --range exclude each other.", "Choose one.")
    dataset_format = chosen_format(format_name)
    if count_facets:
        return _print_facets(file, model, dataset_format, as_json=as_json)
    first, last = (line, line) if line is not None else line_span(span)
    wish = RowWish(first, last, facets, where, SortKey(sort or "file"), not ascending, model)
    dataset = Dataset.open(file)
    try:
        with SlowProgress("Reading") as progress:
            chooser = RowChooser(
                dataset, dataset_format=dataset_format, options=usual_options(dataset_format)
            )
            chosen = chooser.choose(wish, progress.update)
        for note in chosen.notes:
            narrate(note)
        if dataset_format is None:
            dataset_format = format_of(dataset)
        _print_rows(dataset, chosen, limit, dataset_format, raw=raw, as_json=as_json, whole=line is not None)
    finally:
        dataset.close()
    return int(ExitCode.DONE if len(chosen.lines) else ExitCode.BAD)


def line_span(span: str | None) -> tuple[int, int | None]:
    """Read "10-20", "10-" or "-20"; None is the whole file.

    Raises:
        TunedeckError: It is no range.
    """
    if span is None:
        return 1, None
    first, dash, last = span.partition("-")
    try:
        numbers = int(first or 1), int(last) if last else None
    except ValueError:
        numbers = 0, 0
    if not dash and first:
        numbers = numbers[0], numbers[0]
    if numbers[0] < 1 or (numbers[1] is not None and numbers[1] < numbers[0]):
        raise TunedeckError(f'"{span}" is no range of lines.', "Write 10-20, 10- or -20.")
    return numbers


def _print_facets(file: Path, model: str, dataset_format: DatasetFormat | None, *, as_json: bool) -> int:
    names = tuple(name for name in FACETS if name != "marked")
    dataset = Dataset.open(file)
    try:
        with SlowProgress("Reading") as progress:
            chooser = RowChooser(dataset, options=usual_options(dataset_format))
            facets = chooser.facets(names, model, progress.update)
    finally:
        dataset.close()
    counts = {name: facets.count(name) for name in names}
    if as_json:
        partial = [name for name in names if facets.is_partial(name)]
        print_json({"file": str(file), "lines": facets.line_count, "facets": counts, "at_least": partial})
        return int(ExitCode.DONE)
    rows = [
        (name, f"{count:,}{'+' if facets.is_partial(name) else ''}", FACETS[name].title)
        for name, count in counts.items()
    ]
    print_table(("facet", "rows", ""), rows)
    return int(ExitCode.DONE)


def _print_rows(
    dataset: Dataset,
    chosen: ChosenRows,
    limit: int | None,
    dataset_format: DatasetFormat,
    *,
    raw: bool,
    as_json: bool,
    whole: bool,
) -> None:
    most = limit if limit is not None else (None if raw or as_json else _SHOWN)
    lines = chosen.lines[:most] if most else chosen.lines
    if raw:
        _print_raw(dataset, lines.tolist())
    elif as_json:
        print_json_array(_records(dataset, chosen, lines.tolist()))
    elif whole:
        for number in lines.tolist():
            _print_whole(dataset.row(number), dataset_format)
    else:
        _print_previews(dataset, chosen, lines.tolist(), dataset_format)
    more = len(chosen.lines) - len(lines)
    if more:
        narrate(f"{more:,} more rows of {len(chosen.lines):,}; --limit 0 prints all.")


def _print_raw(dataset: Dataset, lines: list[int]) -> None:
    if sys.stdout.isatty():
        for number in lines:
            say(dataset.line(number).decode("utf-8", "replace"))
        return
    for number in lines:
        sys.stdout.buffer.write(dataset.line(number) + b"\n")


def _records(dataset: Dataset, chosen: ChosenRows, lines: list[int]) -> Iterator[dict[str, Any]]:
    for number in lines:
        row = dataset.row(number)
        record: dict[str, Any] = {"line": number, "row": row.value}
        if row.error is not None:
            record |= {"error": row.error, "column": row.error_column, "text": safe_line(row.raw, 400)}
        record |= {name: int(sizes[number - 1]) for name, sizes in chosen.sizes.items()}
        yield record


def _print_previews(
    dataset: Dataset, chosen: ChosenRows, lines: list[int], dataset_format: DatasetFormat
) -> None:
    width = max((len(f"{number:,}") for number in lines), default=1)
    for number in lines:
        sizes = [f"{int(values[number - 1]):>9,} {name}" for name, values in chosen.sizes.items()]
        text = preview(dataset.row(number), dataset_format, _PREVIEW_WIDTH)
        say("  ".join([f"{number:>{width},}", *sizes, text]))


def _print_whole(row: Row, dataset_format: DatasetFormat) -> None:
    say(f"line {row.line:,}")
    if row.error is not None:
        say(f"  {row.error}")
        say(f"  {safe_line(row.raw, 2_000)}")
        return
    turns = conversation(row, dataset_format)
    if not turns:
        say(safe_text(row.raw))
    for turn in turns:
        say("")
        _print_turn(turn)


def _print_turn(turn: Turn) -> None:
    say(" · ".join([turn.role, *turn.facts]))
    if turn.thinking:
        say("".join(f"  ~ {line}\n" for line in turn.thinking.splitlines()).rstrip("\n"))
    if turn.text:
        say("".join(f"  {line}\n" for line in turn.text.splitlines()).rstrip("\n"))
    for call in turn.tool_calls:
        say(f"  → {call}")
