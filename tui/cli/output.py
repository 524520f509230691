"""How every verb speaks: data on stdout, narration on stderr, control bytes of data nowhere."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import click

from tui.errors import TunedeckError
from tui.safe_text import safe_line, safe_text

_BARE = re.compile("[\x7f-\x9f\ud800-\udfff]")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Print `value` as a JSON document; non-ASCII stays as it is, control bytes are escaped.

    Args:
        value: What to print.
        indent: Blanks per level; None puts all on one line, for programs that read line by line.
    """
    click.echo(json_text(value, indent=indent))


def print_json_array(values: Iterable[Any]) -> None:
    """Print values as one JSON array, one in each line, without holding them all."""
    click.echo("[", nl=False)
    separator = "\n"
    for value in values:
        click.echo(separator + json_text(value, indent=None), nl=False)
        separator = ",\n"
    click.echo("\n]")


def json_text(value: Any, *, indent: int | None = 2) -> str:
    """Return `value` as JSON that is safe for a terminal; see `print_json`."""
    import json

    text = json.dumps(value, indent=indent, ensure_ascii=False, default=str)
    # JSON leaves DEL, C1 bytes and unpaired surrogates bare; a terminal acts on the first two.
    return _BARE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def say(text: str) -> None:
    """Print a line of the result for a person, safe for the terminal."""
    click.echo(safe_text(text))


def narrate(text: str) -> None:
    """Print a line about progress to stderr."""
    click.echo(safe_line(text), err=True)


def confirmed(question: str, without_terminal: str, remedy: str) -> bool:
    """Ask for a yes on the terminal.

    Args:
        question: What is asked.
        without_terminal: What is said where nobody can be asked.
        remedy: What to do then.

    Raises:
        TunedeckError: There is no terminal to ask on.
    """
    if not sys.stdin.isatty():
        raise TunedeckError(without_terminal, remedy)
    return click.confirm(question, default=False, err=True)


def print_table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], *, below: Sequence[str] = ()
) -> None:
    """Print left-aligned columns as plain text, for people and screen readers; no boxes, nothing cut.

    Args:
        headings: One for each column.
        rows: Cells as they came; made safe here.
        below: Headings of long columns: on a terminal that is too narrow for all they stand on a line of
            their own below the others. Who reads from a pipe gets one line for each row, always.
    """
    cells = [list(headings), *([safe_line(str(cell)) for cell in row] for row in rows)]
    lines = _aligned(cells)
    width = shutil.get_terminal_size().columns
    if below and sys.stdout.isatty() and max(map(len, lines)) > width:
        long = [place for place, heading in enumerate(headings) if heading in below]
        short = [place for place in range(len(headings)) if place not in long]
        firsts = _aligned([[row[place] for place in short] for row in cells])
        lines = []
        for first, row in zip(firsts, cells, strict=True):
            rest = "  ".join(row[place] for place in long if row[place])
            lines += [first, *textwrap.wrap(
                rest, width, initial_indent="  ", subsequent_indent="    ",
                break_long_words=False, break_on_hyphens=False,
            )]  # fmt: skip
    for line in lines:
        click.echo(line)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


class ProgressLine:
    """One line of progress on stderr, redrawn in place on a terminal and printed every tenth otherwise."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._last_tenth = -1
        self._on_terminal = sys.stderr.isatty()

    def update(self, done: int, total: int, note: str = "") -> None:
        """Show `done` of `total`; redraws at most once per percent."""
        percent = 100 * done // total if total else 100
        step = percent if self._on_terminal else percent // 10
        if step == self._last_tenth:
            return
        self._last_tenth = step
        text = safe_line(f"{self._label} {percent:3d} % {note}".rstrip())
        click.echo(f"\r\x1b[K{text}" if self._on_terminal else text, err=True, nl=not self._on_terminal)

    def finish(self) -> None:
        """End the line."""
        if self._on_terminal and self._last_tenth >= 0:
            click.echo("", err=True)


def report_error(error: TunedeckError) -> None:
    """Print what happened and what to do, on stderr."""
    click.echo(safe_text(f"tunedeck: {error.message}"), err=True)
    if error.remedy:
        click.echo(safe_text(f"  {error.remedy}"), err=True)
