"""`--format`: what the rows of a file are read as, for every verb that reads rows."""

from __future__ import annotations

import click

from tui.datasets.formats import FORMATS, DatasetFormat

format_option = click.option(
    "--format", "format_name", type=click.Choice(FORMATS), help="Format of the rows; else found out."
)
"""Gives the command an argument `format_name`."""


def chosen_format(name: str | None) -> DatasetFormat | None:
    """Return the format that was asked for, or None where the rows say it."""
    return DatasetFormat(name) if name else None
