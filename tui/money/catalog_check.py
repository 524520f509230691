"""Says what is wrong with a catalog: dates in the wrong order, odd or old prices, entries twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Literal

from tui import clock
from tui.money.catalog import Catalog, CatalogModel
from tui.money.catalog_file import CatalogFile
from tui.money.catalog_model import STALE_AFTER_DAYS

_ORDERED_DATES = ("training_ends", "training_may_end", "shutdown_date")
_MOST_PER_MILLION = Decimal(1000)
"""Above it a price per million tokens is taken for a slip of the decimal point."""
_ENCODINGS = ("o200k_base", "cl100k_base", "model")


@dataclass(frozen=True, slots=True)
class CatalogFinding:
    """One thing to look at."""

    level: Literal["error", "warning"]
    provider: str
    model: str
    message: str


def check_catalog(
    catalog: Catalog, files: Sequence[CatalogFile], today: date | None = None
) -> list[CatalogFinding]:
    """Return what is wrong, errors first.

    Args:
        catalog: The merged catalog.
        files: What it was made from, to see entries that stand twice in one.
        today: For the age of prices.
    """
    day = today or clock.today()
    found = [*_twice(files), *_shared_names(catalog), *_about_services(catalog, day)]
    for model in catalog.models:
        for level, message in _about(catalog, model, day):
            found.append(CatalogFinding(level, model.provider, model.id, message))
    return sorted(found, key=lambda finding: finding.level != "error")


def _about_services(catalog: Catalog, day: date) -> Iterator[CatalogFinding]:
    for name, entry in catalog.providers.items():
        if not entry.label or not entry.source or not entry.read_on:
            yield CatalogFinding("error", name, "", "The service needs label, source and read_on.")
        elif date.fromisoformat(entry.read_on) > day:
            yield CatalogFinding("error", name, "", f"read_on {entry.read_on} is in the future.")


def _about(
    catalog: Catalog, model: CatalogModel, day: date
) -> Iterator[tuple[Literal["error", "warning"], str]]:
    if model.provider not in catalog.providers:
        yield "error", f"There is no service {model.provider!r}; add [providers.{model.provider}]."
    if not model.methods:
        yield "error", "It names no method."
    if model.encoding not in _ENCODINGS:
        yield "error", f"There is no encoding {model.encoding!r}; there are {', '.join(_ENCODINGS)}."
    for earlier, later in (("training_ends", "shutdown_date"), ("training_may_end", "shutdown_date")):
        first, last = getattr(model, earlier), getattr(model, later)
        if first and last and first > last:
            yield "error", f"{earlier} {first} is after {later} {last}."
    if any(getattr(model, key) for key in _ORDERED_DATES) and not model.dates_source:
        yield "error", "Its dates have no source: dates_source."
    limit, context = model.training_example_limit, model.context_limit
    if limit is not None and context is not None and limit > context:
        yield "error", f"training_example_limit {limit:,} is above context_limit {context:,}."
    yield from _about_prices(model, day)


def _about_prices(model: CatalogModel, day: date) -> Iterator[tuple[Literal["error", "warning"], str]]:
    prices = {
        entry.name: value
        for entry in fields(CatalogModel)
        if "_price_" in entry.name and isinstance(value := getattr(model, entry.name), Decimal)
    }
    for name, value in prices.items():
        if name.endswith("_per_million") and value > _MOST_PER_MILLION:
            yield "warning", f"{name} {value} is very high; is the decimal point right?"
    for name, low in prices.items():
        high = prices.get(f"highest_{name}")
        if high is not None and high < low:
            yield "error", f"highest_{name} {high} is below {name} {low}."
    if not prices:
        return
    if not model.price_source:
        yield "error", "Its prices have no source: price_source."
    age = model.price_age_days(day)
    if age is None:
        yield "error", "Its prices have no day: price_read_on."
    elif age < 0:
        yield "error", f"price_read_on {model.price_read_on} is in the future."
    elif age > STALE_AFTER_DAYS and not model.historic:
        yield "warning", f"Its prices were read {age} days ago, on {model.price_read_on}."


def _twice(files: Sequence[CatalogFile]) -> Iterator[CatalogFinding]:
    for file in files:
        keys = Counter((entry.get("provider", ""), entry.get("id", "")) for entry in file.models)
        for (provider, model), times in keys.items():
            if times > 1:
                yield CatalogFinding("error", provider, model, f"It stands {times} times in {file.place}.")


def _shared_names(catalog: Catalog) -> Iterator[CatalogFinding]:
    names = Counter((model.provider, name) for model in catalog.models for name in {model.id, *model.aliases})
    for (provider, name), times in names.items():
        if times > 1:
            yield CatalogFinding("error", provider, name, f"{times} models have this name.")
