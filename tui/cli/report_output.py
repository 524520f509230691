"""Prints a report's blocks for people."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tui.cli.output import print_table, say
from tui.safe_text import safe_line

if TYPE_CHECKING:
    from tui.evals.reports.blocks import Block

_BETWEEN = "  "
_USUAL_WIDTH = 80
_MOST_TURNED = 2
"""A wide table of more rows is printed as it is: each would be a column."""


def print_blocks(blocks: Iterable[Block]) -> None:
    """Print headings, paragraphs, tables and texts; how to read them stands in the written report alone."""
    from tui.evals.reports.blocks import READING, Heading, Paragraph, Quoted, Table

    for block in blocks:
        match block:
            case Heading(_, text) if text == READING:
                break
            case Heading(1, text):
                say(text)
            case Heading(_, text):
                say(f"\n{text}")
            case Paragraph(text):
                say(text)
            case Table():
                turned = block.turned(_MOST_TURNED)
                print_fitting(turned.headings, turned.rows)
            case Quoted(label, text):
                say(f"  {label}: {text}".replace("\n", "\n    "))


def print_fitting(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; one wider than the terminal (80 columns in a pipe) in parts that fit.

    Of two rows or fewer, or where a column alone is too wide, each cell stands on its own line.
    """
    from rich.cells import cell_len  # not for --help

    columns = [[safe_line(cell) for cell in column] for column in zip(headings, *rows, strict=True)]
    widths = [max(map(cell_len, column)) for column in columns]
    room = shutil.get_terminal_size((_USUAL_WIDTH, 24)).columns
    parts = _parts_that_fit(widths, room)
    if len(parts) < 2 or not rows:
        print_table(headings, rows)
    elif len(rows) <= _MOST_TURNED or widths[0] + len(_BETWEEN) + max(widths[1:]) > room:
        _print_cells(headings, rows, room)
    else:
        for part in parts:
            places = [0, *part]
            print_table([headings[at] for at in places], [[row[at] for at in places] for row in rows])


def _parts_that_fit(widths: Sequence[int], room: int) -> list[list[int]]:
    """Return columns after the first in groups, each of which fits beside it."""
    parts: list[list[int]] = []
    left = 0
    for place, width in enumerate(widths[1:], 1):
        if not parts or width + len(_BETWEEN) > left:
            parts.append([])
            left = room - widths[0]
        parts[-1].append(place)
        left -= width + len(_BETWEEN)
    return parts


def _print_cells(headings: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> None:
    names = [safe_line(heading) for heading in headings[1:]]
    longest = max(map(len, names), default=0)
    for row in rows:
        say(row[0])
        for name, cell in zip(names, row[1:], strict=True):
            fits = longest + 2 * len(_BETWEEN) + len(cell) <= room
            say(f"  {name.ljust(longest if fits else 0)}{_BETWEEN}{cell}")
