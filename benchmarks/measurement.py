"""A measured number beside its budget, and the table of them."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number.

    Args:
        name: What was measured.
        value: The number.
        unit: Its unit.
        budget: What it must not exceed (or, with `at_least`, must reach); None when there is no budget.
        beside: The same of what a user would otherwise have, measured in the same run.
        at_least: True when more is better.
    """

    name: str
    value: float
    unit: str
    budget: float | None = None
    beside: float | None = None
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """True when the budget is kept, or there is none."""
        if self.budget is None:
            return True
        return self.value >= self.budget if self.at_least else self.value <= self.budget


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"


def machine() -> str:
    """Return what the numbers were measured on."""
    return (
        f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores, load {_load()}"
    )


def print_measurements(measurements: Sequence[Measurement]) -> None:
    """Print a table that can be pasted into a page."""
    print(machine())
    print()
    print("| what | measured | budget | beside | holds |")
    print("|---|---|---|---|---|")
    for one in measurements:
        sign = "≥ " if one.at_least else "≤ "
        budget = f"{sign}{_number(one.budget)} {one.unit}" if one.budget is not None else ""
        beside = f"{_number(one.beside)} {one.unit}" if one.beside is not None else ""
        holds = "" if one.budget is None else ("yes" if one.holds else "**no**")
        print(f"| {one.name} | {_number(one.value)} {one.unit} | {budget} | {beside} | {holds} |")


def _load() -> str:
    try:
        return f"{os.getloadavg()[0]:.1f}"
    except (AttributeError, OSError):
        return "unknown"
