"""What each group of rows costs: the longest ones, those the limit cuts, repeated ones, each role's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tui.datasets.line_tokens import LineTokens
from tui.datasets.report import Report
from tui.datasets.rules import RULES

_LONGEST = (0.01, 0.03, 0.1)
_MILLION = Decimal(1_000_000)
_FRAMING = "Framing around messages"
_UNTRAINED = "Whatever is not trained on"
_FEWEST_ROWS = 20
"""Below, a share of the longest rows is a row or two and says nothing."""


@dataclass(frozen=True, slots=True)
class CostGroup:
    """Some rows, or some words of all rows, and their part of what an epoch is billed."""

    name: str
    rows: int | None
    """How many rows; None for a part of every row."""
    rows_share: float | None
    tokens: int
    """Billed in one epoch, each row up to the limit."""
    share: float
    """Part of the bill, 0 to 1."""
    is_exact: bool
    rule: str | None = None
    """Rule that finds these rows, where one does."""

    def cost(self, price_per_million: Decimal, epochs: int) -> Decimal:
        """Return what the group costs in a job."""
        return price_per_million * self.tokens * epochs / _MILLION

    @property
    def sentence(self) -> str:
        """The group and its share: `the 3 % longest rows are 41 % of the bill`."""
        about = "" if self.is_exact else "about "
        verb = "is" if self.name in (_FRAMING, _UNTRAINED) else "are"
        return f"{self.name} {verb} {about}{_percent(self.share)} of the bill"

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "name": self.name,
            "rule": self.rule,
            "rows": self.rows,
            "rows_share": None if self.rows_share is None else round(self.rows_share, 6),
            "tokens": self.tokens,
            "share": round(self.share, 6),
            "exact": self.is_exact,
        }


def cost_groups(report: Report, measured: Sequence[LineTokens] = ()) -> list[CostGroup]:
    """Return groups of rows, then parts of every row, each with its share of an epoch's bill.

    Args:
        report: Of the training file.
        measured: Tokens of the lines that rules found (`tui.datasets.line_tokens`).
    """
    bill = report.tokens.per_epoch
    if not bill:
        return []
    return [*_longest(report, bill), *_cut(report, bill), *_found(report, measured, bill), *_parts(report)]


def _longest(report: Report, bill: int) -> list[CostGroup]:
    rows = report.tokens.spread.rows
    if rows.count < _FEWEST_ROWS:
        return []
    groups = []
    for part in _LONGEST:
        share = rows.longest_share(part, report.tokens.limit)
        number = round(rows.count * part)
        if number:
            name = f"The {_percent(part)} longest rows"
            groups.append(CostGroup(name, number, part, round(share * bill), share, is_exact=False))
    return groups


def _cut(report: Report, bill: int) -> list[CostGroup]:
    tokens = report.tokens
    if not tokens.over_limit or tokens.limit is None:
        return []
    billed = tokens.over_limit * tokens.limit
    share = tokens.over_limit / max(1, tokens.examples)
    name = "Rows that the limit cuts"
    return [CostGroup(name, tokens.over_limit, share, billed, billed / bill, is_exact=True)]


def _found(report: Report, measured: Sequence[LineTokens], bill: int) -> list[CostGroup]:
    groups = []
    for one in measured:
        tokens = round(one.tokens * one.found / one.measured) if one.measured else 0
        known = RULES.get(one.rule)
        name = f"Rows with: {known.summary if known else one.rule}"
        rows_share = one.found / max(1, report.tokens.examples)
        exact = one.found == one.measured
        groups.append(CostGroup(name, one.found, rows_share, tokens, tokens / bill, exact, one.rule))
    return sorted(groups, key=lambda group: -group.tokens)


def _parts(report: Report) -> list[CostGroup]:
    tokens, bill = report.tokens, report.tokens.per_epoch
    exact = not tokens.over_limit
    parts = [(f"All {role} messages", count) for role, count in tokens.by_role.items()]
    named = {"framing": _FRAMING, "tools": "Tool definitions"}
    parts += [(_UNTRAINED, tokens.total - tokens.trained)]
    groups = []
    for name, count in sorted(parts, key=lambda part: -part[1]):
        role = name.removeprefix("All ").removesuffix(" messages")
        share = count / tokens.total if tokens.total else 0.0
        if count:
            shown = named.get(role, name)
            groups.append(CostGroup(shown, None, None, round(share * bill), share, exact))
    return groups


def _percent(share: float) -> str:
    value = share * 100
    is_whole = value >= 10 or abs(value - round(value)) < 0.05
    return f"{value:.0f} %" if is_whole else f"{value:.1f} %"
