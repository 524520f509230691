"""Prints a report's blocks for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tui.cli.output import print_table, say

if TYPE_CHECKING:
    from tui.evals.reports.blocks import Block

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
                table = block.turned(_MOST_TURNED)
                print_table(table.headings, table.rows)
            case Quoted(label, text):
                say(f"  {label}: {text}".replace("\n", "\n    "))
