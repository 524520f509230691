"""The price of a job on a file that was only sampled: between which two amounts it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tui.datasets.estimate import FileEstimate
from tui.datasets.intervals import CONFIDENCE
from tui.money.amounts import money_range
from tui.money.catalog_model import CatalogModel
from tui.money.estimate import Estimate, estimate_cost
from tui.records.jobs import Method


@dataclass(frozen=True, slots=True)
class PriceRange:
    """A price by the likeliest figures, and the least and most it may be; None where none is published."""

    estimate: Estimate
    low: Decimal | None
    high: Decimal | None
    file: FileEstimate

    @property
    def text(self) -> str:
        """The amounts, such as "$11.80 to $12.40", "free" or "not published"."""
        if self.low is None or self.high is None:
            return self.estimate.amount
        return money_range(self.low, self.high, self.estimate.currency)

    def as_json(self) -> dict[str, Any]:
        """Return the stable shape of an estimate, and under "estimate" how far it can be relied on."""
        total = None
        if self.low is not None and self.high is not None:
            total = {"low": float(self.low), "high": float(self.high)}
        return {
            **self.estimate.as_json(),
            "estimate": {
                "is_exact": self.file.is_exact,
                "confidence": 1.0 if self.file.is_exact else CONFIDENCE,
                "examples": self.file.examples.as_json(),
                "tokens_per_epoch": self.file.tokens_per_epoch.as_json(),
                "total": total,
            },
        }


def price_range(
    file: FileEstimate,
    model: CatalogModel,
    *,
    epochs: int | None = None,
    method: Method = Method.SUPERVISED,
) -> PriceRange:
    """Return between which amounts training on a sampled file lies.

    The service's automatic epochs depend on how many examples there are, so the least price is the lowest of
    what the ends of both ranges give, and the most the highest.

    Args:
        file: What the sample said, counted with the model's vocabulary.
        model: The base model with its price.
        epochs: Passes over the file; None takes the automatic choice.
        method: How the model is tuned.

    Raises:
        TunedeckError: As `estimate_cost`.
    """

    def cost(tokens: float, examples: float) -> Estimate:
        rows = max(1, round(examples))
        return estimate_cost(round(tokens), model, epochs=epochs, examples=rows, method=method)

    tokens, examples = file.tokens_per_epoch, file.examples
    corners = [
        cost(count, rows)
        for count in (tokens.low, tokens.high)
        for rows in (examples.low, examples.value, examples.high)
    ]
    lows = [one.total for one in corners if one.total is not None]
    highs = [one.highest_total or one.total for one in corners if one.total is not None]
    return PriceRange(
        cost(tokens.value, examples.value),
        min(lows, default=None),
        max((high for high in highs if high is not None), default=None),
        file,
    )


def price_ranges(
    file: FileEstimate,
    models: Sequence[CatalogModel],
    *,
    epochs: int | None = None,
    method: Method = Method.SUPERVISED,
) -> list[PriceRange]:
    """Return the range for each model that reads the file's vocabulary or is free, cheapest first.

    Models without a published price come last; those charged by the hour are left out.
    """
    found = [
        price_range(file, model, epochs=epochs, method=method)
        for model in models
        if (model.encoding == file.encoding or model.training_price_per_million == 0)
        and (model.training_price_per_million is not None or model.training_price_per_hour is None)
    ]
    return sorted(found, key=lambda one: (one.low is None, one.low or 0))
