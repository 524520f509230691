"""How the options of `tunedeck launch` are read."""

from __future__ import annotations

import click

from tui.cli.output import print_table
from tui.providers.profiles import Profile
from tui.records.jobs import Method


def number(_ctx: click.Context, option: click.Parameter, text: str | None) -> int | float | None:
    """Read a number, or auto as None."""
    if text is None or text == "auto":
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a number nor auto.", param=option) from None


def share(_ctx: click.Context, option: click.Parameter, text: str | None) -> float | None:
    """Read a share such as 10% or 0.1."""
    if text is None:
        return None
    try:
        found = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        found = 0.0
    if not 0 < found < 1:
        raise click.BadParameter(f"{text!r} is no share; write 10% or 0.1.", param=option)
    return found


def list_parameters(service: Profile, method: Method) -> None:
    """Print what can be chosen with --set for a job of this method."""
    print_table(
        ["NAME", "TAKES", "LEFT OUT", "MEANING"],
        [
            [one.name, one.wanted, "the service's choice" if one.default is None else one.default, one.help]
            for one in service.parameters_for(method)
        ],
    )
