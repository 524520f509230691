"""What launching and watching need of the rest of the program; `tui.services.Services` gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.config import Settings
    from tui.datasets.chosen_formats import ChosenFormats
    from tui.money.catalog import Catalog
    from tui.providers.account_settings import DeclaredAccount
    from tui.providers.protocol import Provider
    from tui.records.models import Account
    from tui.store.store import Store


class JobServices(Protocol):
    """The settings, the store, the catalog and the providers of one running program."""

    @property
    def settings(self) -> Settings:
        """What the person chose."""
        ...

    @property
    def store(self) -> Store:
        """Where everything is kept."""
        ...

    @property
    def formats(self) -> ChosenFormats:
        """What files are read as, where a person chose that."""
        ...

    @property
    def catalog(self) -> Catalog:
        """Prices, limits and dates."""
        ...

    def accounts(self) -> Sequence[Account]:
        """Every account, ready or not."""
        ...

    def account(self, name: str) -> Account:
        """One account by name; TunedeckError when there is none."""
        ...

    def declared_account(self, name: str) -> DeclaredAccount | None:
        """What the settings file says of an account; None for one that is built in."""
        ...

    def provider(self, name: str) -> Provider:
        """The provider of an account; TunedeckError when it is not ready."""
        ...
