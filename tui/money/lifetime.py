"""How long a model still answers, and who says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from tui import clock
from tui.money.catalog import TOLD_BY_SERVICE, Catalog
from tui.records.model_names import base_of

SOON_DAYS = 60
"""A model with fewer days left is one to replace now."""
_AS_LISTED = "the account's list of models, as last seen"

ToldDate = tuple[str, str, str, int]
"""(service, model, shutdown date, Unix second at which it was told), as the store keeps it."""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """When a model stops answering, as far as anybody has said."""

    shutdown_date: str | None = None
    """ISO date from which it answers nobody; None when none is announced."""
    days_left: int | None = None
    """Whole days until then, 0 on the day itself, negative after; None without a date."""
    source: str = ""
    """Who says so; empty without a date."""
    base: str = ""
    """The base model whose date it is; empty where the date is the model's own."""

    @property
    def is_over(self) -> bool:
        """True when the model answers nobody any more."""
        return self.days_left is not None and self.days_left <= 0

    @property
    def ends_soon(self) -> bool:
        """True when it still answers, but not for long."""
        return self.days_left is not None and 0 < self.days_left < SOON_DAYS

    @property
    def words(self) -> str:
        """The days left for people: `46 days`, `shut down`, or a dash when no end is announced."""
        if self.days_left is None:
            return "–"
        if self.is_over:
            return "shut down"
        return "1 day" if self.days_left == 1 else f"{self.days_left:,} days"


class Lifetimes:
    """Finds the end of models: the service's word on the model, then on its base, then the catalog's.

    Args:
        catalog: Dates with their sources.
        told: What services told of their models.
        today: The day that days are counted from, UTC; None takes the clock's.
    """

    def __init__(self, catalog: Catalog, told: Iterable[ToldDate] = (), today: date | None = None) -> None:
        self._catalog = catalog
        self._told: Mapping[tuple[str, str], tuple[str, int]] = {
            (provider, model): (day, seen_at) for provider, model, day, seen_at in told
        }
        self.today = today or clock.today()

    def of(self, provider: str, model_id: str, listed: str | None = None) -> Lifetime:
        """Return how long a model still answers.

        Args:
            provider: Its service.
            model_id: Any model id; tuned ones end with their base, unless the service says otherwise.
            listed: The date that came with the account's list of models; used when nobody says more.
        """
        base = base_of(model_id)
        for name in dict.fromkeys((model_id, base)):
            if (provider, name) in self._told:
                day, seen_at = self._told[provider, name]
                seen = datetime.fromtimestamp(seen_at, UTC).date()
                return self._lifetime(day, f"{TOLD_BY_SERVICE}, seen {seen}", model_id, name)
        known = self._catalog.find(model_id, provider)
        if known is not None and known.shutdown_date:
            return self._lifetime(known.shutdown_date, known.dates_source or "the catalog", model_id, base)
        return self._lifetime(listed, _AS_LISTED, model_id, model_id) if listed else Lifetime()

    def _lifetime(self, day: str, source: str, model_id: str, told_of: str) -> Lifetime:
        try:
            left = (date.fromisoformat(day) - self.today).days
        except ValueError:
            return Lifetime()
        return Lifetime(day, left, source, "" if told_of == model_id else told_of)
