"""Numbers of a comparison as its tables show them: differences with their interval, costs."""

from __future__ import annotations

from tui.evals.statistics.verdict import PairedVerdict
from tui.money.payback_words import format_price
from tui.money.usage_price import Amount


def difference_cell(verdict: PairedVerdict | None) -> str:
    """Return a difference in points of 100 with its interval; a dash where nothing is compared."""
    if verdict is None:
        return "-"
    interval = verdict.difference
    return f"{100 * interval.estimate:+.1f} ({100 * interval.low:+.1f} to {100 * interval.high:+.1f})"


def cost_cell(amount: Amount | None) -> str:
    """Return what something costs, by its dear end."""
    if amount is None:
        return "not published"
    return format_price(amount.high, amount.currency) if amount.high else "free"
