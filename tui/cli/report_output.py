"""Prints a report's blocks for people."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tui.cli.output import print_table, say
from tui.safe_text import safe_line

if TYPE_CHECKING:
    from tui.evals.reports.blocks import Block, Table

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
                _print_fitting(block.turned(_MOST_TURNED))
            case Quoted(label, text):
                say(f"  {label}: {text}".replace("\n", "\n    "))


def _print_fitting(table: Table) -> None:
    """Print a table; of one wider than the terminal (80 columns in a pipe), each cell on its own line."""
    from rich.cells import cell_len  # not for --help

    columns = [
        [safe_line(cell) for cell in column] for column in zip(table.headings, *table.rows, strict=True)
    ]
    width = sum(max(map(cell_len, column)) for column in columns) + len(_BETWEEN) * (len(columns) - 1)
    if width <= shutil.get_terminal_size((_USUAL_WIDTH, 24)).columns or not table.rows:
        print_table(table.headings, table.rows)
        return
    names = [safe_line(heading) for heading in table.headings[1:]]
    longest = max(map(len, names), default=0)
    for row in table.rows:
        say(row[0])
        for name, cell in zip(names, row[1:], strict=True):
            say(f"  {name.ljust(longest)}{_BETWEEN}{cell}")
