"""A launch in words: what speaks for and against it, what it costs, what is about to be confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tui.jobs.plan import LaunchPlan, PreflightLine
from tui.money.estimate import Estimate, TimeEstimate
from tui.safe_text import safe_line, safe_text
from tui.widgets.key_value import Pair
from tui.widgets.tones import Line, Part, Tone, fit
from tui.widgets.words import place

_PATH_WIDTH = 52
"""Columns beside the names in the dialog on a terminal of 80."""

_SIGNS: Mapping[str, tuple[str, Tone]] = {
    "ok": ("✓ ok", "good"),
    "warn": ("! note", "warning"),
    "stop": ("✗ stop", "bad"),
}
"""Level -> sign and word, and the tone that repeats what they say."""
_ORDER = ("stop", "warn", "ok")


def preflight_lines(lines: Sequence[PreflightLine]) -> list[tuple[Part, Line]]:
    """Return the preflight as signs with their texts, what forbids the launch first."""
    shown: list[tuple[Part, Line]] = []
    for line in sorted(lines, key=lambda line: _ORDER.index(line.level)):
        remedy: list[Part] = [(f" {safe_text(line.remedy)}", "muted")] if line.remedy else []
        shown.append((_SIGNS[line.level], [(safe_text(line.text), ""), *remedy]))
    return shown


def button_text(estimate: Estimate | None, time: TimeEstimate | None) -> str:
    """Return what the button promises."""
    if estimate is None:
        return "Launch"
    if time is not None:
        return f"Launch: free, {time.text} on this machine"
    return "Launch: free" if estimate.is_free else f"Launch {estimate.offer}"


def confirm_facts(plan: LaunchPlan, estimate: Estimate, time: TimeEstimate | None) -> list[Pair]:
    """Return what is being agreed to."""
    pairs: list[Pair] = [
        ("Price", (estimate.amount, "strong")),
        ("Because", estimate.formula),
    ]
    if time is not None:
        pairs.append(("Time", time.text))
    elif not estimate.is_free and estimate.is_published:
        pairs.append(("Price read", f"on {estimate.price_read_on}"))
    pairs += [
        ("Model", safe_line(plan.model, 120)),
        ("Account", safe_line(plan.account, 60)),
        ("Training", _short_place(plan.training)),
    ]
    if plan.split_share is not None:
        pairs.append(("Validation", f"{plan.split_share:.0%} of it, put aside"))
    elif plan.validation is not None:
        pairs.append(("Validation", _short_place(plan.validation)))
    return pairs


def _short_place(path: Path) -> str:
    """Return a path in one line of the dialog: the name matters most, so that the middle gives way."""
    return fit(safe_line(place(path), 400), _PATH_WIDTH, cut="middle").rstrip()
