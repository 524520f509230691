"""Prices of services on which tunedeck starts no jobs, each with its day and source, to compare with."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from importlib import resources

from tui.records.jobs import Method


@dataclass(frozen=True, slots=True)
class Quote:
    """What one service asks for one kind of model, in US dollars."""

    provider: str
    model: str
    """In the service's classes, such as "base up to 16B"."""
    methods: tuple[Method, ...]
    price_per_million: Decimal
    """Training tokens; the lowest where the source gives a range."""
    price_read_on: str
    price_source: str
    highest_price_per_million: Decimal | None = None
    validation_is_billed: bool | None = None
    """Tokens of the validation file are charged at the same price for each epoch; None is not known."""
    hosting_price_per_hour: Decimal | None = None
    note: str = ""

    @property
    def highest(self) -> Decimal:
        """The high end of the price."""
        return self.highest_price_per_million or self.price_per_million


@lru_cache(maxsize=1)
def quotes() -> tuple[Quote, ...]:
    """Return every quote that is shipped, in the file's order."""
    text = resources.files("tui.data").joinpath("other_prices.toml").read_text("utf-8")
    return tuple(_quote(entry) for entry in tomllib.loads(text)["quotes"])


def _quote(entry: dict[str, object]) -> Quote:
    values: dict[str, object] = dict(entry)
    for key, value in entry.items():
        if "price_per_" in key:
            values[key] = Decimal(str(value))
    values["methods"] = tuple(Method(str(word)) for word in entry["methods"])  # type: ignore[attr-defined]
    values["price_read_on"] = date.fromisoformat(str(entry["price_read_on"])).isoformat()
    return Quote(**values)  # type: ignore[arg-type]
