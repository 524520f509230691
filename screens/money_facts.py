"""Bills and what they are for, as lines of a table and as sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from tui.money.amounts import format_money, unit_price
from tui.money.calibration import Calibration
from tui.money.catalog_model import STALE_AFTER_DAYS
from tui.money.estimate import TimeEstimate
from tui.money.groups import CostGroup
from tui.money.side_by_side import ModelCost
from tui.safe_text import safe_line
from tui.widgets.table import Cell, Column, TableRow
from tui.widgets.tones import Line, Part
from tui.widgets.words import passes

COLUMNS = (
    Column("Service", 10),
    Column("Model", cut="middle"),
    Column("In all", 20, align="right"),
    Column("Per epoch", 13, align="right", drop_below=92),
    Column("Epochs", 6, align="right"),
    Column("Validation", 12, align="right", drop_below=116),
    Column("Standing by", 13, align="right", drop_below=116),
    Column("Price read", 10, tone="muted"),
)
GROUP_COLUMNS = (
    Column("Part", 6, align="right"),
    Column("Price", 12, align="right"),
    Column("What"),
    Column("Rows", 10, align="right", tone="muted", drop_below=76),
)
SORTS = ("price", "service", "model", "standing by")
"""What bills can be sorted by."""


def key_of(bill: ModelCost) -> str:
    """Return what tells a bill from all others."""
    return f"{bill.provider}/{bill.model}"


@dataclass(frozen=True, slots=True)
class BillChoice:
    """Which bills are shown, and in which order."""

    wanted: str = ""
    """Part of a service's or a model's name; empty shows all."""
    sort: str = SORTS[0]

    def of(self, bills: Sequence[ModelCost]) -> list[ModelCost]:
        """Return the bills to show; those that can be launched here come first when sorted by price."""
        wanted = self.wanted.casefold()
        found = [bill for bill in bills if wanted in key_of(bill).casefold()]
        if self.sort == "service":
            return sorted(found, key=lambda bill: (bill.provider, bill.total is None, bill.total or 0))
        if self.sort == "model":
            return sorted(found, key=lambda bill: bill.model.casefold())
        if self.sort == "standing by":
            return sorted(found, key=lambda bill: (bill.hosting_per_hour is None, bill.hosting_per_hour or 0))
        return found


def bill_row(bill: ModelCost) -> TableRow:
    """Return one bill as a line."""
    rough = "≈ " if bill.is_counted_otherwise and bill.total else ""
    amount: Cell = f"{rough}{bill.amount_text()}"
    if bill.price_per_million is None:
        amount = (bill.amount_text(), "muted")
    elif bill.highest_total == 0:
        amount = ("free", "good")
    read: Cell = (f"{bill.price_read_on}", "warning" if bill.is_stale else "muted")
    return TableRow(
        key_of(bill),
        [
            (bill.provider, "" if bill.is_launchable else "muted"),
            (bill.model, "strong" if bill.is_launchable else ""),
            amount,
            _amount(bill.per_epoch, bill.currency),
            "auto" if bill.epochs is None else f"{bill.epochs}",
            "–" if bill.validation is None else _amount(bill.validation, bill.currency),
            _standing_by(bill),
            read,
        ],
    )


def _amount(amount: Decimal | None, currency: str) -> str:
    if amount is None:
        return "not known"
    return format_money(amount, currency) if amount else "free"


def _standing_by(bill: ModelCost) -> str:
    if bill.hosting_per_hour is None:
        return "not known"
    return f"{_amount(bill.hosting_per_hour, bill.currency)}/h" if bill.hosting_per_hour else "free"


def bill_lines(bill: ModelCost, known: Calibration | None, time: TimeEstimate | None) -> list[Line]:
    """Return the calculation, where its numbers come from and what finished jobs say of the count."""
    size = f"{bill.tokens_per_epoch:,} tokens × {passes(bill.epochs)}"
    price = unit_price(bill.price_per_million, bill.currency)
    if bill.price_per_million != bill.highest_price_per_million:
        price += f" to {unit_price(bill.highest_price_per_million, bill.currency)}"
    formula = f"{size} × {price} per million = {bill.amount_text()}"
    if bill.price_per_million is None:
        formula = f"{size}; the price is not published"
    elif not bill.price_per_million:
        formula = f"{size}, free" + (f"; {time.text} here, {time.source}" if time is not None else "")
    lines: list[Line] = [[(formula, "")], [(f"Epochs: {bill.epochs_source}.", "muted")]]
    source: list[Part] = [(f"Price of {bill.price_read_on}: {safe_line(bill.price_source, 90)}.", "muted")]
    if bill.is_stale:
        source.append(
            (f" Read {bill.price_age_days} days ago, over {STALE_AFTER_DAYS}: look again.", "warning")
        )
    lines.append(source)
    if known is not None:
        lines.append(
            [(f"Your jobs: {known.sentence(bill.tokens_per_epoch)} (shown, not applied).", "accent")]
        )
    if bill.is_counted_otherwise:
        lines.append([("≈ Counted with o200k_base: the model's own vocabulary is not here.", "warning")])
    if bill.training_ends:
        lines.append([(f"New jobs end on {bill.training_ends}.", "warning")])
    if bill.note:
        lines.append([(safe_line(bill.note, 200), "muted")])
    return lines


def paid_instead(bill: ModelCost, bills: Sequence[ModelCost]) -> ModelCost | None:
    """Return whose money is shown in parts beside a bill: its own, or the first that was counted exactly.

    The parts are those of the count for paid models: a free one may read other tokens, and fewer of a row.
    """
    if bill.price_per_million:
        return bill
    return next((one for one in bills if one.price_per_million and not one.is_counted_otherwise), None)


def group_row(index: int, group: CostGroup, bill: ModelCost | None) -> TableRow:
    """Return what some rows or words cost on a model."""
    price = ""
    if bill is not None and bill.price_per_million:
        price = format_money(group.cost(bill.price_per_million, bill.epochs or 1), bill.currency)
    about = "" if group.is_exact else "≈ "
    rows = "" if group.rows is None else f"{group.rows:,}"
    share = f"{about}{group.share:.0%}" if group.share >= _PERCENT else f"{about}<1%"
    return TableRow(f"{index}", [(share, "strong"), price, group.name, rows])


_PERCENT = 0.01
