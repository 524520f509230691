"""`tunedeck search`: text or a pattern in every line of a dataset."""

from __future__ import annotations

from pathlib import Path

import click

from tui.cli.output import json_option, narrate, print_json, say
from tui.cli.slow_progress import SlowProgress
from tui.datasets.search import Hit, Hits, Query, excerpt, find_lines
from tui.datasets.source import Dataset
from tui.errors import ExitCode
from tui.safe_text import safe_line

_SHOWN = 1_000


@click.command("search")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("pattern")
@click.option("--regex", is_flag=True, help="PATTERN is a regular expression, matched within each line.")
@click.option("-i", "--ignore-case", is_flag=True, help="Upper and lower case are the same.")
@click.option("--count", "count_only", is_flag=True, help="Print only how many lines were found.")
@click.option(
    "--limit", type=click.IntRange(min=0), default=_SHOWN, show_default=True, help="Most lines; 0 prints all."
)
@json_option
def command(
    file: Path, pattern: str, regex: bool, ignore_case: bool, count_only: bool, limit: int, as_json: bool
) -> int:
    """Find the lines of a dataset that hold PATTERN, also where JSON writes it in escapes.

    Prints file:line:column: and what stands around it, once for each line.

    Exit codes, like grep's: 0 found; 1 not found; 2 wrong use, or it can't be read; 130 interrupted.
    """
    query = Query(pattern, regex, ignore_case)
    query.check()
    dataset = Dataset.open(file)
    try:
        with SlowProgress("Searching") as progress:
            hits = find_lines(file, query, on_progress=progress.update)
        shown = [] if count_only else _shown(dataset, hits, limit or len(hits))
    finally:
        dataset.close()
    if as_json:
        print_json(_record(file, query, hits, shown, with_hits=not count_only))
    elif count_only:
        say(str(hits.found))
    else:
        name = safe_line(str(file))
        for hit, (before, found, after) in shown:
            say(f"{name}:{hit.line}:{hit.column}: {before}{found}{after}")
        if hits.found > len(shown):
            narrate(f"{hits.found - len(shown):,} more lines of {hits.found:,}; --limit 0 prints all.")
    return int(ExitCode.DONE if hits.found else ExitCode.BAD)


Shown = tuple[Hit, tuple[str, str, str]]


def _shown(dataset: Dataset, hits: Hits, most: int) -> list[Shown]:
    if not len(hits):
        return []
    most = min(most, len(hits))
    last = hits[most - 1].line
    dataset.build_index(cancelled=lambda: dataset.row_count >= last)
    found = (hits[index] for index in range(most))
    return [(hit, excerpt(dataset.line(hit.line).decode("utf-8", "replace"), hit)) for hit in found]


def _record(
    file: Path, query: Query, hits: Hits, shown: list[Shown], *, with_hits: bool
) -> dict[str, object]:
    record: dict[str, object] = {
        "file": str(file),
        "pattern": query.text,
        "regex": query.is_pattern,
        "ignore_case": query.ignore_case,
        "found": hits.found,
    }
    if with_hits:
        record["hits"] = [
            {
                "line": hit.line,
                "column": hit.column,
                "length": hit.length,
                "before": before,
                "match": found,
                "after": after,
            }
            for hit, (before, found, after) in shown
        ]
    return record
