"""A launch in words: what speaks for and against it, what it costs, what is about to be confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from screens.preflight_pane import Point
from tui.jobs.plan import LaunchPlan, PreflightLine
from tui.jobs.run_places import HERE, is_billed, run_on
from tui.money.estimate import Estimate, TimeEstimate, format_money
from tui.providers.profile_data import LOCAL_NAME
from tui.providers.profiles import profile
from tui.safe_text import safe_line, safe_text
from tui.widgets.key_value import Pair
from tui.widgets.tones import Part, Tone, fit
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


def in_order(lines: Sequence[PreflightLine]) -> list[PreflightLine]:
    """Return the preflight as it is shown, what forbids the launch first."""
    return sorted(lines, key=lambda line: _ORDER.index(line.level))


def preflight_points(lines: Sequence[PreflightLine]) -> list[Point]:
    """Return the preflight as signs with their texts and what enter does about each."""
    shown = []
    for line in lines:
        remedy: list[Part] = [(f" {safe_text(line.remedy)}", "muted")] if line.remedy else []
        ways = [safe_line(mend.words, 60) for mend in line.mends]
        reason = "This speaks for the launch." if line.level == "ok" else safe_text(line.remedy)
        shown.append(
            Point(
                _SIGNS[line.level],
                [(safe_text(line.text), ""), *remedy],
                ways[0] if len(ways) == 1 else ", or ".join((ways[0], "…")) if ways else "",
                reason or "No key mends this.",
            )
        )
    return shown


def button_text(estimate: Estimate | None, time: TimeEstimate | None) -> str:
    """Return what the button promises."""
    if estimate is None:
        return "Launch"
    if time is not None:
        where = "this" if estimate.provider == "local" else "that"
        return f"Launch: free, {time.text} on {where} machine"
    return "Launch: free" if estimate.is_free else f"Launch {estimate.offer}"


def confirm_facts(
    plan: LaunchPlan, estimate: Estimate, time: TimeEstimate | None, told: Decimal | None = None
) -> list[Pair]:
    """Return what is being agreed to; `told` is what the service itself estimates in US dollars."""
    pairs: list[Pair] = [
        ("Price", (estimate.amount, "strong")),
        ("Because", estimate.formula),
    ]
    if told is not None:
        pairs.append(("Its own", f"{format_money(told, 'USD')}, estimated by the service just now"))
    if time is not None:
        pairs.append(("Time", time.text))
    elif not estimate.is_free and estimate.is_published:
        pairs.append(("Price read", f"on {estimate.price_read_on}"))
    pairs += [
        ("Model", safe_line(plan.model, 120)),
        ("Account", safe_line(plan.account, 60)),
        ("Training", _short_place(plan.training)),
    ]
    if run_on(plan) != HERE:
        bills = ", which bills at your own account there" if is_billed(plan, profile(LOCAL_NAME)) else ""
        pairs.append(("Runs on", f"{safe_line(run_on(plan), 40)}{bills}"))
    if plan.split_share is not None:
        pairs.append(("Validation", f"{plan.split_share:.0%} of it, put aside"))
    elif plan.validation is not None:
        pairs.append(("Validation", _short_place(plan.validation)))
    if plan.grader is not None:
        pairs.append(("Grader", safe_line(str(plan.grader.get("type", "")), 40)))
    if plan.wandb is not None:
        pairs.append(("Logged at", safe_line(f"Weights & Biases, {plan.wandb.text}", _PATH_WIDTH)))
    if plan.stop_rules:
        pairs.append(("Stops", safe_line(plan.stop_rules, _PATH_WIDTH)))
    return pairs


def _short_place(path: Path) -> str:
    """Return a path in one line of the dialog: the name matters most, so that the middle gives way."""
    return fit(safe_line(place(path), 400), _PATH_WIDTH, cut="middle").rstrip()
