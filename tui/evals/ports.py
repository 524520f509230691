"""What an evaluation needs of the rest of the program; `tui.services.Services` gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.money.catalog import Catalog
    from tui.providers.account_limits import RateGauge
    from tui.providers.protocol import Provider
    from tui.records.models import Account
    from tui.store.store import Store


class EvalServices(Protocol):
    """The store, the catalog and the providers of one running program."""

    @property
    def store(self) -> Store:
        """Where everything is kept."""
        ...

    @property
    def catalog(self) -> Catalog:
        """Prices, limits and dates."""
        ...

    def account(self, name: str) -> Account:
        """One account by name; TunedeckError when there is none."""
        ...

    def provider(self, name: str) -> Provider:
        """The provider of an account; TunedeckError when it is not ready."""
        ...

    def rate_gauges(self, name: str) -> Sequence[RateGauge]:
        """How much of an account's limits is left, as its last answers said."""
        ...
