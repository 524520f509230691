"""What a file would cost on every model that takes it, side by side over services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from tui.money.catalog import STALE_AFTER_DAYS, Catalog, CatalogModel
from tui.money.estimate import EpochChoice, auto_epochs, estimate_cost, format_money
from tui.money.quotes import Quote
from tui.records.jobs import Method

_MILLION = Decimal(1_000_000)
OTHER_VOCABULARY = "o200k_base"
"""Whose count stands in for a model of another service, whose own vocabulary is not here."""


@dataclass(frozen=True, slots=True)
class ModelCost:
    """One model's bill for one file; amounts in `currency`, with both ends where the price is a range."""

    provider: str
    model: str
    method: Method
    tokens_per_epoch: int
    epochs: int
    epochs_source: str
    price_per_million: Decimal
    highest_price_per_million: Decimal
    currency: str
    validation: Decimal | None
    """What the validation file costs in all; None without one, or where that is not known."""
    hosting_per_hour: Decimal | None
    """Of the tuned model standing by; None when the catalog does not know."""
    price_read_on: str
    price_age_days: int | None
    price_source: str
    is_launchable: bool
    """False for a service on which tunedeck starts no jobs."""
    is_counted_otherwise: bool = False
    """The model reads another vocabulary than the count's, so the bill is rough."""
    training_ends: str | None = None
    note: str = ""

    @property
    def per_epoch(self) -> Decimal:
        """The lowest price of one pass over the training file."""
        return self.price_per_million * self.tokens_per_epoch / _MILLION

    @property
    def total(self) -> Decimal:
        """The lowest price of the job, with the validation file."""
        return self.per_epoch * self.epochs + (self.validation or 0)

    @property
    def highest_total(self) -> Decimal:
        """The highest price of the job."""
        passes = self.highest_price_per_million * self.tokens_per_epoch * self.epochs / _MILLION
        share = self.highest_price_per_million / self.price_per_million if self.price_per_million else 1
        return passes + (self.validation or 0) * share

    @property
    def is_stale(self) -> bool:
        """True when the price was read too long ago to be relied on."""
        return self.price_age_days is not None and self.price_age_days > STALE_AFTER_DAYS

    def amount_text(self) -> str:
        """The bill for people: `free`, `$12.34`, or `$1.20 to $3.40`."""
        return money_range(self.total, self.highest_total, self.currency)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values; money as numbers."""
        hosting = None if self.hosting_per_hour is None else float(self.hosting_per_hour)
        return {
            "provider": self.provider,
            "model": self.model,
            "method": str(self.method),
            "tokens_per_epoch": self.tokens_per_epoch,
            "epochs": self.epochs,
            "epochs_source": self.epochs_source,
            "price_per_million": float(self.price_per_million),
            "highest_price_per_million": float(self.highest_price_per_million),
            "currency": self.currency,
            "per_epoch": float(self.per_epoch),
            "total": float(self.total),
            "highest_total": float(self.highest_total),
            "validation": None if self.validation is None else float(self.validation),
            "hosting_per_hour": hosting,
            "price_read_on": self.price_read_on,
            "price_age_days": self.price_age_days,
            "price_source": self.price_source,
            "launchable": self.is_launchable,
            "rough": self.is_counted_otherwise,
            "training_ends": self.training_ends,
            "note": self.note,
        }


def money_range(low: Decimal, high: Decimal, currency: str = "USD") -> str:
    """Return one amount, or two where they differ; nothing is "free"."""
    if not high:
        return "free"
    if low == high:
        return format_money(low, currency)
    return f"{format_money(low, currency)} to {format_money(high, currency)}"


def side_by_side(
    catalog: Catalog,
    quoted: Sequence[Quote],
    tokens: Mapping[str, int],
    *,
    examples: int,
    epochs: int | None = None,
    method: Method = Method.SUPERVISED,
    validation_tokens: Mapping[str, int] | None = None,
    today: date | None = None,
) -> list[ModelCost]:
    """Return each model's bill: those that can be launched here first, then others, cheapest first.

    Args:
        catalog: Models on which jobs can be started.
        quoted: Prices of other services.
        tokens: Tokens of an epoch by encoding; a free model takes any of the counts.
        examples: Rows of the training file.
        epochs: Passes, or None for each service's automatic choice.
        method: How the model is tuned.
        validation_tokens: Tokens of the validation file by encoding; None without one.
        today: For the age of prices.
    """
    day = today or datetime.now(UTC).date()
    costs = [
        cost
        for model in catalog.trainable(method, day)
        if (cost := _catalog_cost(model, tokens, examples, epochs, method, validation_tokens, day))
    ]
    choice = EpochChoice(epochs, "chosen by you") if epochs is not None else auto_epochs(examples)
    count = tokens.get(OTHER_VOCABULARY, max(tokens.values(), default=0))
    validation = None if validation_tokens is None else validation_tokens.get(OTHER_VOCABULARY, 0)
    costs += [
        _quoted_cost(quote, count, choice, method, validation, day)
        for quote in quoted
        if method in quote.methods and tokens
    ]
    return sorted(costs, key=lambda cost: (not cost.is_launchable, cost.total, cost.highest_total))


def _catalog_cost(
    model: CatalogModel,
    tokens: Mapping[str, int],
    examples: int,
    epochs: int | None,
    method: Method,
    validation_tokens: Mapping[str, int] | None,
    day: date,
) -> ModelCost | None:
    price = model.training_price_per_million
    count = tokens.get(model.encoding)
    if count is None and price == 0:
        count = max(tokens.values(), default=None)
    if count is None or price is None:
        return None
    estimate = estimate_cost(count, model, epochs=epochs, examples=examples, method=method)
    validation = None
    if validation_tokens is not None:
        read = validation_tokens.get(model.encoding, 0) if model.validation_is_billed else 0
        validation = price * read * estimate.epochs / _MILLION
    return ModelCost(
        model.provider, model.id, method, count, estimate.epochs, estimate.epochs_source, price, price,
        model.currency, validation, model.hosting_price_per_hour, model.price_read_on,
        model.price_age_days(day), model.price_source, is_launchable=True, training_ends=model.training_ends,
    )  # fmt: skip


def _quoted_cost(
    quote: Quote, tokens: int, choice: EpochChoice, method: Method, validation: int | None, day: date
) -> ModelCost:
    billed = None
    if validation is not None and quote.validation_is_billed is not None:
        read = validation if quote.validation_is_billed else 0
        billed = quote.price_per_million * read * choice.epochs / _MILLION
    age = (day - date.fromisoformat(quote.price_read_on)).days
    return ModelCost(
        quote.provider, quote.model, method, tokens, choice.epochs, choice.source, quote.price_per_million,
        quote.highest, "USD", billed, quote.hosting_price_per_hour, quote.price_read_on, age,
        quote.price_source, is_launchable=False, is_counted_otherwise=True, note=quote.note,
    )  # fmt: skip
