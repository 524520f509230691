"""What a job costs at any service: one function over the catalog's data, with the calculation in words."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tui.money.amounts import format_money, money_range
from tui.money.catalog_model import CatalogModel, PriceTier
from tui.records.jobs import Method

_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class JobPrice:
    """A job's price in `currency`; two ends where the source gives a range."""

    low: Decimal
    high: Decimal
    unit_price: Decimal
    """Per million tokens, or per hour where time is charged; the low end, factors included."""
    highest_unit_price: Decimal
    validation: Decimal | None
    """The part of `low` that the validation file costs; None when nobody says whether it is charged."""
    currency: str
    formula: str
    """The calculation as a line of text."""


def job_price(
    model: CatalogModel,
    tokens_per_epoch: int,
    epochs: int,
    *,
    method: Method = Method.SUPERVISED,
    validation_tokens: int = 0,
    hours: Decimal | None = None,
    full_training: bool = False,
    tier: str | None = None,
) -> JobPrice | None:
    """Return a job's price, or None where none is published for what is asked.

    Tokens: price × factors × (tokens + billed validation tokens) × epochs, at least the minimum charge.
    Time: price per hour × hours.

    Args:
        model: The base model, with its prices.
        tokens_per_epoch: Tokens of one pass over the training file, each row cut at the limit.
        epochs: Passes.
        method: DPO costs `dpo_price_factor` times as much.
        validation_tokens: Tokens of one pass over the validation file.
        hours: Wall time of the training loop, for what is charged by the hour.
        full_training: All weights are trained, not an adapter.
        tier: Name of a price tier; left out where there are some, the price spans all of them.
    """
    if model.training_price_per_million is None and model.training_price_per_hour is not None:
        return _by_hour(model, hours)
    ends = _price_ends(model, method, full_training, tier)
    if ends is None:
        return None
    low, high = ends
    billed = validation_tokens if model.validation_is_billed else 0
    total_low, total_high = (price * (tokens_per_epoch + billed) * epochs / _MILLION for price in ends)
    least = model.minimum_charge or Decimal(0)
    validation = None
    if validation_tokens == 0 or model.validation_is_billed is not None:
        validation = low * billed * epochs / _MILLION
    passes = "epoch" if epochs == 1 else "epochs"
    size = f"{tokens_per_epoch:,} tokens" if not billed else f"({tokens_per_epoch:,} + {billed:,}) tokens"
    amount = money_range(max(total_low, least), max(total_high, least), model.currency)
    formula = f"{size} × {epochs} {passes} × {money_range(low, high, model.currency)} per million = {amount}"
    if least > total_low:
        formula += f", the least being {format_money(least, model.currency)}"
    return JobPrice(
        max(total_low, least), max(total_high, least), low, high, validation, model.currency, formula
    )


def _price_ends(
    model: CatalogModel, method: Method, full_training: bool, tier_name: str | None
) -> tuple[Decimal, Decimal] | None:
    low, high = model.training_price_per_million, model.highest
    if low is None or high is None or (full_training and model.full_training_price_factor is None):
        return None
    factor = Decimal(1)
    if method is Method.DPO and model.dpo_price_factor is not None:
        factor *= model.dpo_price_factor
    if full_training and model.full_training_price_factor is not None:
        factor *= model.full_training_price_factor
    chosen = model.tier(tier_name) if tier_name is not None else None
    tiers = (chosen,) if chosen is not None else model.price_tiers or (PriceTier(""),)
    lowest = min(tier.training_factor for tier in tiers)
    highest = max(tier.highest_training_factor or tier.training_factor for tier in tiers)
    return low * factor * lowest, high * factor * highest


def _by_hour(model: CatalogModel, hours: Decimal | None) -> JobPrice | None:
    price = model.training_price_per_hour
    if price is None or hours is None:
        return None
    total = price * hours
    amount, per_hour = format_money(total, model.currency), format_money(price, model.currency)
    formula = f"{hours:,f} hours × {per_hour} per hour = {amount}"
    return JobPrice(total, total, price, price, Decimal(0), model.currency, formula)
