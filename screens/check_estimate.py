"""An estimate in words: what is shown of a large file until it has been read to its end."""

from __future__ import annotations

from screens.check_facts import method_of
from tui.datasets.estimate import FileEstimate
from tui.datasets.intervals import CONFIDENCE, Interval
from tui.money.catalog import Catalog
from tui.money.estimate_range import PriceRange, price_ranges
from tui.widgets.key_value import Pair
from tui.widgets.table import Cell, TableRow
from tui.widgets.words import passes, size


def estimate_pairs(found: FileEstimate) -> list[Pair]:
    """Return the figures of a sample, each with the range in which the truth lies."""
    pairs: list[Pair] = []
    for name, figure in (
        ("All", found.total_tokens),
        ("Trained", found.trained_tokens),
        ("Per epoch", found.tokens_per_epoch),
        ("Examples", found.examples),
    ):
        pairs += [(name, f"≈ {_short(figure.value)}"), ("", (_ends(figure), "muted"))]
    per = found.per_example
    pairs.append(("Per example", f"≈ {per.median:,.0f}"))
    basis = f"{found.windows} places, {size(found.bytes_read)}"
    return [*pairs, ("Estimated", (f"from {basis}", "muted")), ("", (_trust(), "muted"))]


def _ends(figure: Interval) -> str:
    low, high = _short(figure.low), _short(figure.high)
    if low[-1] == high[-1] and not high[-1].isdigit():
        low = low[:-2]  # the unit is said once
    return f"{low} to {high}"


def _short(number: float) -> str:
    """Return a number without the digits that an estimate can't know."""
    for unit, sign in ((1e6, "M"), (1e3, "k")):
        if number >= 10 * unit or (number >= unit and sign == "M"):
            return f"{number / unit:,.1f} {sign}"
    return f"{number:,.0f}"


def _trust() -> str:
    return f"right {CONFIDENCE * 100:.0f} times in 100"


def estimate_note(found: FileEstimate) -> str:
    """Say what the prices rest on."""
    return f"Estimated for {found.encoding} from {size(found.bytes_read)}; exact when the file has been read."


def range_cells(one: PriceRange) -> list[Cell]:
    """Return one model's price as a line: between which amounts, and by how many tokens."""
    estimate = one.estimate
    own = estimate.provider in ("openai", "local")
    name = estimate.model if own else f"{estimate.provider}: {estimate.model}"
    how = f"≈ {_short(estimate.tokens_per_epoch)} tokens × {passes(estimate.epochs)}"
    if estimate.is_free:
        return [(name, "strong"), ("free", "good"), how]
    return [
        (name, "strong"),
        f"≈ {estimate.amount}" if estimate.total else estimate.amount,
        f"{one.text}, {how}",
    ]


def estimate_rows(found: FileEstimate, catalog: Catalog) -> list[TableRow]:
    """Return the price on each model that reads the sample's vocabulary or is free, cheapest first."""
    method = method_of(found)
    ranges = price_ranges(found, catalog.trainable(method), method=method)
    return [TableRow(f"{one.estimate.provider}/{one.estimate.model}", range_cells(one)) for one in ranges]
