"""How the options of `tunedeck sweep` are read."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tui.sweeps.terms import SweepTerms


def amount(_ctx: click.Context, option: click.Parameter, text: str | None) -> Decimal | None:
    """Read an amount of money, such as 5 or 2.50."""
    if text is None:
        return None
    try:
        found = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        found = Decimal(-1)
    if not found.is_finite() or found < 0:
        raise click.BadParameter(f"{text!r} is no amount; write 5 or 2.50.", param=option)
    return found


def caps_changed(terms: SweepTerms, options: dict[str, Any]) -> SweepTerms:
    """Return a sweep with the caps that were typed in place of its own."""
    caps, search = terms.caps, terms.search
    if options["max_cost"] is not None:
        caps = replace(caps, money=options["max_cost"])
    if options["max_hours"] is not None:
        caps = replace(caps, hours=options["max_hours"])
    if options["at_once"] is not None:
        search = replace(search, at_once=options["at_once"])
    return replace(terms, caps=caps, search=search)
