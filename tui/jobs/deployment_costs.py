"""What deployments cost: by the hour, used or not, and so far; from the catalog, where it is published."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from tui.jobs.model_family import FamilyModel
from tui.jobs.ports import JobServices
from tui.money.amounts import format_money
from tui.money.catalog_model import NOT_PUBLISHED, CatalogModel
from tui.money.usage_price import Amount
from tui.records.deployments import Deployment
from tui.records.model_names import base_of, is_tuned

_HOUR = Decimal(3600)


@dataclass(frozen=True, slots=True)
class Standing:
    """A deployment with what it costs."""

    deployment: Deployment
    per_hour: Amount | None
    so_far: Amount | None
    """Since it was made, at today's price; None where either is not known."""

    def as_json(self) -> dict[str, Any]:
        """Return the shape of `--json`; money as numbers, null where nobody knows."""
        one = self.deployment
        return {
            "account": one.account, "name": one.name, "model": one.model, "state": str(one.state),
            "raw_state": one.raw_state, "tier": one.tier or None, "capacity": one.capacity,
            "created_at": one.created_at, "problem": one.problem or None,
            "price_per_hour": _json(self.per_hour), "cost_so_far": _json(self.so_far),
        }  # fmt: skip


def price_words(per_hour: Amount | None) -> str:
    """Return what an hour costs, in words."""
    if per_hour is None:
        return f"at a price per hour that is {NOT_PUBLISHED}"
    if not per_hour.high:
        return "without a charge by the hour"
    return f"at {per_hour.words} for every hour, used or not"


def hourly_cost_of(services: JobServices, one: Deployment, *, now: float | None = None) -> Standing:
    """Return a deployment with what it costs."""
    return _priced(services, one, time.time() if now is None else now)


def hourly_price(known: CatalogModel | None, tier: str) -> Amount | None:
    """Return what a deployment costs for each hour that it stands; None where no price is published."""
    if known is None or known.hosting_price_per_hour is None:
        return None
    chosen = known.tier(tier) if tier else None
    if tier and chosen is None:
        return None
    if chosen is not None and chosen.hosting_price_per_hour is not None:
        return Amount(chosen.hosting_price_per_hour, chosen.hosting_price_per_hour, known.currency)
    high = known.highest_hosting_price_per_hour or known.hosting_price_per_hour
    return Amount(known.hosting_price_per_hour, high, known.currency)


def tiers_of(services: JobServices, model: FamilyModel) -> list[tuple[str, Amount | None]]:
    """Return how a model can be hosted, each with its price per hour; empty where there is one way only."""
    known = services.catalog.find(model.base_model or base_of(model.id), model.provider)
    return [] if known is None else [(one.name, hourly_price(known, one.name)) for one in known.price_tiers]


def _priced(services: JobServices, one: Deployment, now: float) -> Standing:
    named = one
    if one.source_job and not is_tuned(one.model):
        job = services.store.job(one.account, one.source_job)
        named = replace(one, model=job.model if job is not None else one.name)
    provider = services.account(one.account).provider
    known = services.catalog.find(base_of(named.model), provider)
    tuned = is_tuned(named.model) or bool(one.source_job) or one.model.startswith("ftchkpt-")
    # A base model's deployment is charged by its use.
    per_hour = hourly_price(known, one.tier) if tuned else Amount()
    so_far = None
    if per_hour is not None and one.created_at is not None:
        hours = max(Decimal(0), (Decimal(str(now)) - one.created_at) / _HOUR)
        so_far = Amount(per_hour.low * hours, per_hour.high * hours, per_hour.currency)
    return Standing(one, per_hour, so_far)


def kept_deployments(services: JobServices, now: float) -> list[Standing]:
    """Return what was deployed when it was last seen, with its cost; asks no service."""
    names = {one.name for one in services.accounts()}
    return [_priced(services, one, now) for one in services.store.deployments() if one.account in names]


def deployed_words(found: Sequence[Standing]) -> str:
    """Return what deployments cost in a line: `2 at $3.40 an hour, used or not; $81.60 so far`."""
    total = total_per_hour(found)
    unknown = sum(one.per_hour is None for one in found)
    words = f"{len(found):,} at {format_money(total, 'USD')} an hour" if total else f"{len(found):,} stand"
    more = f", {unknown:,} of them at a price that is {NOT_PUBLISHED}" if unknown else ""
    spent = sum((one.so_far.low for one in found if one.so_far is not None), Decimal(0))
    so_far = f"; {format_money(spent, 'USD')} so far" if spent else ""
    return f"{words}, used or not{more}{so_far}"


def total_per_hour(found: Iterable[Standing]) -> Decimal:
    """Return what all deployments together cost an hour at least, in US dollars."""
    prices = [one.per_hour for one in found if one.per_hour is not None]
    return sum((one.low for one in prices if one.currency == "USD"), Decimal(0))


def _json(amount: Amount | None) -> dict[str, Any] | None:
    if amount is None:
        return None
    return {"low": float(amount.low), "high": float(amount.high), "currency": amount.currency}
