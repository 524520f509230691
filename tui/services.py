"""What one running program holds: settings, store, catalog, providers, watcher; given to every screen."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tui import paths
from tui.config import Settings, load_settings
from tui.datasets.chosen_formats import ChosenFormats
from tui.errors import TunedeckError
from tui.providers import registry
from tui.providers.profile_data import LOCAL_NAME
from tui.store.lists import StoreLists

if TYPE_CHECKING:
    from tui.evals.background import BackgroundRun
    from tui.evals.runs import EvalRuns
    from tui.jobs.watch import JobWatcher
    from tui.jobs.weights_export import ExportedForm
    from tui.jobs.weights_found import WeightsPlan
    from tui.money.catalog import Catalog
    from tui.providers.account_limits import RateGauge, RateLimits
    from tui.providers.account_settings import DeclaredAccount
    from tui.providers.protocol import Provider
    from tui.records.models import Account
    from tui.store.store import Store

_CLOSE_SECONDS = 0.2
"""Leaving waits so long for a look at a job; what it had not kept yet is fetched at the next start."""


class Services:
    """The core, opened; one per process. Screens and verbs take it and own none of its parts.

    Catalog and watcher are made when first asked for: the first screen is painted without them.

    Args:
        settings: What the person chose.
        store: An open store; of one that only lists, the rest is opened when first needed.
        catalog: Models with prices and dates; None reads them when first needed.
    """

    def __init__(self, settings: Settings, store: StoreLists, catalog: Catalog | None = None) -> None:
        self.settings = settings
        self.lists = store
        """What the first paint needs of the store."""
        self._store: Store | None = None
        self.formats = ChosenFormats()
        self._catalog = catalog
        self._watcher: JobWatcher | None = None
        self._runs: EvalRuns | None = None
        self._exports: BackgroundRun[WeightsPlan, list[ExportedForm]] | None = None
        self._providers: dict[str, Provider] = {}
        self._declared: list[DeclaredAccount] | None = None
        self._limits: dict[str, RateLimits] = {}
        self._lock = threading.RLock()

    @classmethod
    def open(cls, store_path: Path | None = None, *, to_paint: bool = False) -> Self:
        """Read the settings and open the store; nothing is started and no service is asked.

        Args:
            store_path: The store's file; None for the usual one.
            to_paint: Leave for later what the app's first paint does not need of the store.

        Raises:
            TunedeckError: Settings or store can't be used; the message says which line or file.
        """
        declared = _read_accounts()  # a wrong one is told before anything is opened
        settings, path = load_settings(), store_path or paths.store_file()
        services = cls(settings, StoreLists(path) if to_paint else _whole_store(path))
        services._declared = declared
        return services

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def store(self) -> Store:
        """The whole store.

        Raises:
            StoreError: It could be opened to list, and can't be any more.
        """
        with self._lock:
            if self._store is None:
                from tui.store.store import Store  # 5 ms of imports; not needed for the first screen

                self._store = self.lists if isinstance(self.lists, Store) else Store(self.lists.path)
            return self._store

    @property
    def catalog(self) -> Catalog:
        """Models with prices, limits and dates.

        Raises:
            TunedeckError: The person's own catalog file is wrong; the message says where.
        """
        with self._lock:
            if self._catalog is None:
                from tui.money.catalog import Catalog  # reads TOML; not needed for the first screen

                self._catalog = Catalog.load()
                self._catalog.take_dates(self.store.model_dates())
            return self._catalog

    @property
    def watcher(self) -> JobWatcher:
        """The thread that follows jobs; `start` it to use it."""
        with self._lock:
            if self._watcher is None:
                from tui.jobs.watch import JobWatcher  # 20 ms of imports; not needed for the first screen

                self._watcher = JobWatcher(
                    self, poll_seconds=self.settings.poll_seconds, may_discover=_may_discover,
                    archives=self.settings.archive_jobs,
                )  # fmt: skip
            return self._watcher

    @property
    def runs(self) -> EvalRuns:
        """Evaluations, recordings and blind answers that go on whichever screen is shown."""
        with self._lock:
            if self._runs is None:
                from tui.evals.runs import EvalRuns  # only for who evaluates

                self._runs = EvalRuns(self)
            return self._runs

    @property
    def exports(self) -> BackgroundRun[WeightsPlan, list[ExportedForm]]:
        """The writing of weights, which goes on whichever screen is shown."""
        with self._lock:
            if self._exports is None:
                from tui.evals.background import BackgroundRun  # only for who takes weights along
                from tui.jobs.weights_export import writer

                self._exports = BackgroundRun(
                    "export", writer(self), lambda plan: 1, what="Reading the base model"
                )
            return self._exports

    @property
    def notices(self) -> list[str]:
        """What happened at opening that a person should be told once."""
        return [self.lists.notice] if self.lists.notice else []

    def accounts(self) -> list[Account]:
        """Return every account, ready or not, in the order to offer them.

        Raises:
            TunedeckError: The settings file declares a wrong one; the message names the line.
        """
        return registry.accounts(self.settings, self._declared_accounts())

    def declared_account(self, name: str) -> DeclaredAccount | None:
        """Return what the settings file says of an account; None for one that is built in."""
        return next((one for one in self._declared_accounts() if one.name == name), None)

    def _declared_accounts(self) -> list[DeclaredAccount]:
        with self._lock:
            if self._declared is None:
                self._declared = _read_accounts()
            return self._declared

    def reload_accounts(self) -> None:
        """Read the settings file's accounts anew; providers of old ones are closed.

        Raises:
            TunedeckError: The file is wrong; the accounts stay as they were.
        """
        fresh = _read_accounts()
        with self._lock:
            self._declared = fresh
            for name in [name for name in self._providers if name != LOCAL_NAME]:
                self._providers.pop(name).close()

    def account(self, name: str) -> Account:
        """Return one account.

        Raises:
            TunedeckError: There is none of that name.
        """
        accounts = self.accounts()
        for account in accounts:
            if account.name == name:
                return account
        raise TunedeckError(
            f"There is no account {name!r}.", f"Accounts: {', '.join(one.name for one in accounts)}."
        )

    def provider(self, name: str) -> Provider:
        """Return the provider of an account, made once; nothing is asked of the service yet.

        Raises:
            TunedeckError: There is no such account, or its key is missing.
        """
        account = self.account(name)
        if not account.ready:
            raise TunedeckError(f"The account {name!r} is not ready: {account.state}", "")
        with self._lock:
            if name not in self._providers:
                self._providers[name] = registry.build_provider(
                    account, self.catalog, declared=self.declared_account(name), limits=self._limits_of(name),
                    engine_idle_seconds=self.settings.engine_idle_seconds,
                )  # fmt: skip
            return self._providers[name]

    def rate_gauges(self, name: str) -> list[RateGauge]:
        """Return how much of an account's limits is left, as its last answers said; empty when none did."""
        with self._lock:
            limits = self._limits.get(name)
        return limits.gauges() if limits is not None else []

    def headroom(self, name: str, most: int = 2) -> str:
        """Return in a few words how much of an account's limits is left; empty when nothing is known.

        Args:
            name: The account.
            most: Limits that are named, the scarcest first.
        """
        with self._lock:
            limits = self._limits.get(name)
        return limits.headroom(most) if limits is not None else ""

    def _limits_of(self, name: str) -> RateLimits:
        from tui.providers.account_limits import RateLimits  # only once a service is asked

        return self._limits.setdefault(name, RateLimits())

    def close(self) -> None:
        """Stop watching, release connections, close the store; jobs go on at their services."""
        if self._watcher is not None:
            self._watcher.stop(_CLOSE_SECONDS)
        if self._runs is not None:
            self._runs.close(_CLOSE_SECONDS)
        if self._exports is not None:
            self._exports.close(_CLOSE_SECONDS)
        with self._lock:
            for provider in self._providers.values():
                provider.close()
            self._providers.clear()
        self.lists.close()
        if self._store is not None:
            self._store.close()


def _whole_store(path: Path) -> Store:
    from tui.store.store import Store

    return Store(path)


def _read_accounts() -> list[DeclaredAccount]:
    if not paths.settings_file().exists():
        return []
    from tui.providers.account_settings import declared_accounts  # 5 ms; most people have no such file

    return declared_accounts()


def _may_discover(account: str) -> bool:
    if account != LOCAL_NAME:
        return True
    from tui.local_engine import find_engine  # psutil is only needed once someone asks

    return find_engine() is not None
