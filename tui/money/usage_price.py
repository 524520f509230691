"""What tokens that were used have cost, at the catalog's prices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from tui.money.amounts import money_range
from tui.money.catalog_model import CatalogModel
from tui.money.job_price import job_price
from tui.records.jobs import Method

_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Amount:
    """Money, with both ends where the price is a range."""

    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    currency: str = "USD"

    @property
    def words(self) -> str:
        """The amount for people: `$1.20`, `$1.00 to $2.00`, `free`."""
        return money_range(self.low, self.high, self.currency)


def training_cost(model: CatalogModel, trained_tokens: int, method: Method) -> Amount | None:
    """Return what a job that trained so many tokens, all epochs together, has cost.

    None where no price is published, or where time is charged and not tokens.
    """
    price = job_price(model, trained_tokens, 1, method=method)
    return None if price is None else Amount(price.low, price.high, price.currency)


def answers_cost(
    model: CatalogModel, *, tuned: bool, prompt_tokens: int, cached_tokens: int, completion_tokens: int
) -> Amount | None:
    """Return what answers have cost; None where a price that is needed is not published.

    Args:
        model: The base model, with its prices.
        tuned: A tuned version answered, which has prices of its own.
        prompt_tokens: All tokens of the questions.
        cached_tokens: Those of them that the service had cached; dearest price where none is published.
        completion_tokens: Tokens of the answers.
    """
    into, cached, out = (
        (model.input_price_per_million, model.cached_input_price_per_million, model.output_price_per_million)
        if tuned
        else (model.base_input_price_per_million, model.base_cached_input_price_per_million,
              model.base_output_price_per_million)
    )  # fmt: skip
    if into is None or out is None:
        return None
    from_cache = max(0, min(cached_tokens, prompt_tokens))
    fresh = max(0, prompt_tokens - from_cache)
    total = fresh * into + from_cache * (into if cached is None else cached) + completion_tokens * out
    return Amount(total / _MILLION, total / _MILLION, model.currency)


def total_of(amounts: Iterable[Amount | None]) -> Amount | None:
    """Return the sum; None when a part is not known, or when the currencies differ."""
    low = high = Decimal(0)
    currencies = set()
    for amount in amounts:
        if amount is None:
            return None
        low, high = low + amount.low, high + amount.high
        if amount.high:
            currencies.add(amount.currency)
    if len(currencies) > 1:
        return None
    return Amount(low, high, next(iter(currencies), "USD"))
