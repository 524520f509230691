"""Which model a launch at an account begins with, before one is chosen: what was used, else the cheapest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from tui.jobs.ports import JobServices
from tui.jobs.trainable import models_for
from tui.money.amounts import format_money
from tui.money.catalog_model import CatalogModel
from tui.money.job_price import job_price
from tui.records.jobs import Method
from tui.records.model_names import base_of

_JOBS_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class FirstModel:
    """A model to begin with."""

    model: str
    note: str
    """In the width of a note beside it: `the cheapest here`; empty for the settings' own."""
    why: str
    """In a few words: `the model of your last job here`; empty for the settings' own."""


def first_model(services: JobServices, account: str, method: Method | None = None) -> FirstModel | None:
    """Return what a launch at an account begins with; None where no model of it can be trained.

    The settings' model at the settings' account; the base model of the newest job that can still be trained;
    else the cheapest by its published price, supervised training before any other; asks no service.

    Args:
        services: Store, settings and catalog.
        account: Who is to train.
        method: How; None for supervised where a model takes it.
    """
    wanted = method or Method.SUPERVISED
    fitting = models_for(services, account, wanted)
    if not fitting and method is None:
        fitting = _of_any_method(services, account)
    if not fitting:
        return None
    settings = services.settings
    if account == settings.default_account and settings.default_model in fitting:
        return FirstModel(settings.default_model, "", "")
    used = _last_used(services, account, fitting)
    if used is not None:
        return FirstModel(used, "as in your last job", "the model of your last job here")
    return _cheapest(services, account, fitting, wanted)


def _of_any_method(services: JobServices, account: str) -> list[str]:
    found: dict[str, None] = {}
    for method in Method:
        found |= dict.fromkeys(models_for(services, account, method))
    return list(found)


def _last_used(services: JobServices, account: str, fitting: Iterable[str]) -> str | None:
    """Return the newest job's base model; what it is called in the jobs may be an alias."""
    provider = services.account(account).provider
    names = set(fitting)
    for job in services.store.jobs(account, limit=_JOBS_LOOKED_AT):
        base = base_of(job.model)
        known = services.catalog.find(base, provider)
        for name in (base, known.id if known is not None else base):
            if name in names:
                return name
    return None


def _cheapest(services: JobServices, account: str, fitting: list[str], method: Method) -> FirstModel:
    provider = services.account(account).provider
    priced = []
    for place, name in enumerate(fitting):
        price = _price(services.catalog.find(name, provider), method)
        if price is not None:
            priced.append((price, place, name))
    if not priced:
        one = "the only one" if len(fitting) == 1 else "the first one"
        return FirstModel(
            fitting[0], "no price published", f"{one} here that can be trained; no price is published"
        )
    (least, currency), _, name = min(priced)
    if not least:
        return FirstModel(name, "free here", "a model that costs nothing here")
    few = "the cheapest" if len(priced) > 1 else "the only one with a published price"
    note = "the cheapest here" if len(priced) > 1 else "the only known price"
    return FirstModel(name, note, f"{few} here: {format_money(least, currency)} per million")


def _price(model: CatalogModel | None, method: Method) -> tuple[Decimal, str] | None:
    """Return what a million tokens cost at most, and the currency; None where nobody has published it."""
    price = job_price(model, 1_000_000, 1, method=method) if model is not None else None
    return (price.highest_unit_price, price.currency) if price is not None else None
