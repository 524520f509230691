"""What a file would cost on every model that takes it, side by side over services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from tui import clock
from tui.money.amounts import money_range
from tui.money.catalog import STALE_AFTER_DAYS, Catalog, CatalogModel
from tui.money.catalog_model import NOT_PUBLISHED
from tui.money.estimate import EpochChoice, auto_epochs
from tui.money.job_price import job_price
from tui.records.jobs import Method

OTHER_VOCABULARY = "o200k_base"
"""Whose count stands in for a model of another service, whose own vocabulary is not here."""


@dataclass(frozen=True, slots=True)
class ModelCost:
    """One model's bill for one file; amounts in `currency`, with both ends where the price is a range."""

    provider: str
    model: str
    method: Method
    tokens_per_epoch: int
    epochs: int | None
    """None where the service chooses by a rule that is not published; then there is no total."""
    epochs_source: str
    price_per_million: Decimal | None
    """With the method's factor; None where no price is published, as with what follows from it."""
    highest_price_per_million: Decimal | None
    currency: str
    total: Decimal | None
    """The lowest price of the job, with the validation file."""
    highest_total: Decimal | None
    validation: Decimal | None
    """What the validation file costs in all; None without one, or where that is not known."""
    hosting_per_hour: Decimal | None
    """Of the tuned model standing by; None when the catalog does not know."""
    price_read_on: str
    price_age_days: int | None
    price_source: str
    is_launchable: bool
    """False for a service on which tunedeck starts no jobs, and for a class of models."""
    is_counted_otherwise: bool = False
    """The model reads another vocabulary than the count's, so the bill is rough."""
    training_ends: str | None = None
    weights_can_leave: bool | None = None
    note: str = ""

    @property
    def per_epoch(self) -> Decimal | None:
        """The lowest price of one pass over the training file."""
        return self._of_one_pass(self.price_per_million)

    def _of_one_pass(self, price: Decimal | None) -> Decimal | None:
        return None if price is None else price * self.tokens_per_epoch / 1_000_000

    @property
    def is_stale(self) -> bool:
        """True when the price was read too long ago to be relied on."""
        return self.price_age_days is not None and self.price_age_days > STALE_AFTER_DAYS

    def amount_text(self) -> str:
        """The bill for people: `free`, `$12.34`, `$1.20 to $3.40`, `$0.30/epoch` or `not published`."""
        ends = (self.price_per_million, self.highest_price_per_million)
        low, high = (self._of_one_pass(price) for price in ends)
        if self.epochs is None and self.total is None and low is not None and high is not None:
            return f"{money_range(low, high, self.currency)}/epoch"
        if self.total is None or self.highest_total is None:
            return NOT_PUBLISHED
        return money_range(self.total, self.highest_total, self.currency)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values; money as numbers, null where nothing is published."""
        return {
            "provider": self.provider,
            "model": self.model,
            "method": str(self.method),
            "tokens_per_epoch": self.tokens_per_epoch,
            "epochs": self.epochs,
            "epochs_source": self.epochs_source,
            "price_per_million": _number(self.price_per_million),
            "highest_price_per_million": _number(self.highest_price_per_million),
            "currency": self.currency,
            "per_epoch": _number(self.per_epoch),
            "total": _number(self.total),
            "highest_total": _number(self.highest_total),
            "validation": _number(self.validation),
            "hosting_per_hour": _number(self.hosting_per_hour),
            "price_read_on": self.price_read_on,
            "price_age_days": self.price_age_days,
            "price_source": self.price_source,
            "launchable": self.is_launchable,
            "rough": self.is_counted_otherwise,
            "training_ends": self.training_ends,
            "weights_can_leave": self.weights_can_leave,
            "note": self.note,
        }


def side_by_side(
    catalog: Catalog,
    tokens: Mapping[str, int],
    *,
    examples: int,
    epochs: int | None = None,
    method: Method = Method.SUPERVISED,
    validation_tokens: Mapping[str, int] | None = None,
    today: date | None = None,
) -> list[ModelCost]:
    """Return each model's bill: those that can be launched here first, then others, cheapest first.

    Among each the ones without a published price come last; what is charged by the hour is left out.

    Args:
        catalog: Every model of every service.
        tokens: Tokens of an epoch by encoding; a free model takes any of the counts.
        examples: Rows of the training file.
        epochs: Passes, or None for each service's automatic choice.
        method: How the model is tuned.
        validation_tokens: Tokens of the validation file by encoding; None without one.
        today: For the age of prices.
    """
    day = today or clock.today()
    costs = [
        cost
        for model in catalog.models
        if (model.is_class and method in model.methods) or model.can_train(method, day)
        if model.training_price_per_million is not None or model.training_price_per_hour is None
        if (cost := _cost(catalog, model, tokens, examples, epochs, method, validation_tokens, day))
    ]
    return sorted(costs, key=_order)


def _order(cost: ModelCost) -> tuple[bool, bool, bool, Decimal, Decimal]:
    nothing = Decimal(0)
    return (
        not cost.is_launchable, cost.total is None, cost.price_per_million is None,
        cost.total or cost.per_epoch or nothing, cost.highest_total or nothing,
    )  # fmt: skip


def _cost(
    catalog: Catalog,
    model: CatalogModel,
    tokens: Mapping[str, int],
    examples: int,
    epochs: int | None,
    method: Method,
    validation_tokens: Mapping[str, int] | None,
    day: date,
) -> ModelCost | None:
    count, is_stand_in = _count(model, tokens)
    if count is None:
        return None
    choice = (
        EpochChoice(epochs, "chosen by you") if epochs is not None else auto_epochs(examples, model.provider)
    )
    held_out = 0 if validation_tokens is None else _count(model, validation_tokens)[0] or 0
    price = job_price(model, count, choice.epochs or 1, method=method, validation_tokens=held_out)
    # What it costs depends on a number of passes that is not published.
    is_open = choice.epochs is None and price is not None and price.high > 0
    is_rough = bool(price is None or price.high) and (model.count_is_rough or is_stand_in)
    return ModelCost(
        model.provider, model.id, method, count, choice.epochs, choice.source,
        price.unit_price if price else None, price.highest_unit_price if price else None, model.currency,
        price.low if price and not is_open else None, price.high if price and not is_open else None,
        price.validation if price and validation_tokens is not None and not is_open else None,
        model.hosting_price_per_hour, model.price_read_on, model.price_age_days(day), model.price_source,
        catalog.is_launchable(model), is_rough, model.training_ends, model.weights_can_leave, model.note,
    )  # fmt: skip


def _count(model: CatalogModel, tokens: Mapping[str, int]) -> tuple[int | None, bool]:
    """Return the count for a model, and whether another vocabulary's had to stand in."""
    if model.vocabulary in tokens:
        return tokens[model.vocabulary], False
    if model.count_is_rough or model.training_price_per_million == 0:
        return tokens.get(OTHER_VOCABULARY, max(tokens.values(), default=None)), True
    return None, False


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
