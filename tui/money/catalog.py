"""The catalog: prices, limits and dates of models, with the day they were read; a user's file goes first."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Self

from tui import paths
from tui.errors import TunedeckError
from tui.money.base_tokenizer import prepared_base_models
from tui.money.catalog_file import (
    CatalogFile,
    model_from_tables,
    provider_from_tables,
    read_catalog_file,
    refuse_unknown,
    shipped_file,
)
from tui.money.catalog_model import STALE_AFTER_DAYS, CatalogModel, PriceTier, ProviderEntry
from tui.records.jobs import Method
from tui.records.model_names import base_of

__all__ = [
    "STALE_AFTER_DAYS", "Catalog", "CatalogModel", "PriceTier", "ProviderEntry", "override_path",
]  # fmt: skip

LOCAL = "local"
TOLD_BY_SERVICE = "the service's own list of models"


class Catalog:
    """Models by service and id, alias or fine-tuned id.

    Args:
        models: Every model; where two have one name, the first is found when no service is named.
        providers: Service -> what is known of it.
        defaults: Service -> a nameless model with what holds for each of its models.
    """

    def __init__(
        self,
        models: Iterable[CatalogModel],
        providers: Mapping[str, ProviderEntry],
        defaults: Mapping[str, CatalogModel] | None = None,
    ) -> None:
        self.models = tuple(models)
        self.providers = dict(providers)
        self._defaults = dict(defaults or {})
        self._by_name: dict[str, CatalogModel] = {}
        self._by_key: dict[tuple[str, str], CatalogModel] = {}
        for model in self.models:
            for name in (model.id, *model.aliases):
                self._by_name.setdefault(name, model)
                self._by_key.setdefault((model.provider, name), model)

    @classmethod
    def load(cls, override: Path | None = None) -> Self:
        """Read the shipped catalog and the user's override (by default `catalog.toml` in the config folder).

        Base models that were added to the local engine are in it too: everything can be asked of them.

        Raises:
            TunedeckError: The override is wrong; the message names file, line and key.
        """
        files = [shipped_file()]
        path = override or override_path()
        if path.exists():
            files.append(read_catalog_file(path))
        catalog = cls.from_files(files)
        catalog.take_base_models(prepared_base_models())
        return catalog

    @classmethod
    def from_files(cls, files: Iterable[CatalogFile]) -> Self:
        """Merge files, the later ones first in force.

        Raises:
            TunedeckError: A key does not exist or a value is wrong.
        """
        merged = _Merged()
        for file in files:
            merged.add(file)
        return cls(merged.models(), merged.providers(), merged.defaults())

    def find(self, model_id: str, provider: str | None = None) -> CatalogModel | None:
        """Return the base model behind an id, an alias or `ft:<base>:...`; None when it is not known.

        Args:
            model_id: Any model id.
            provider: The service. One that trains any model knows of an unknown one what holds for all.
        """
        base = base_of(model_id)
        if provider is None:
            return self._by_name.get(base)
        found = self._by_key.get((provider, base))
        if found is None and provider in self.providers and self.providers[provider].any_model:
            return replace(self._defaults.get(provider, CatalogModel(provider, "")), id=base)
        return found

    def model(self, model_id: str, provider: str | None = None) -> CatalogModel:
        """Return the base model behind an id.

        Raises:
            TunedeckError: It is not in the catalog; the remedy names the nearest.
        """
        found = self.find(model_id, provider)
        if found is None:
            names = [name for name, model in self._by_name.items() if provider in (None, model.provider)]
            nearest = difflib.get_close_matches(base_of(model_id), names, n=1, cutoff=0.4)
            guess = f"Did you mean {nearest[0]}? " if nearest else ""
            raise TunedeckError(
                f"The catalog has no model {model_id!r}{f' of {provider}' if provider else ''}.",
                f"{guess}`tunedeck catalog` lists what there is; others can be added in {override_path()}.",
            )
        return found

    def trainable(self, method: Method | None = None, today: date | None = None) -> list[CatalogModel]:
        """Return the models on which a job can be created from here today, in the catalog's order."""
        return [
            model for model in self.models if self.is_launchable(model) and model.can_train(method, today)
        ]

    def is_launchable(self, model: CatalogModel) -> bool:
        """True when tunedeck starts jobs at the model's service, and the model can be named in one."""
        entry = self.providers.get(model.provider)
        return not model.is_class and (entry is None or entry.launchable)

    def take_base_models(self, names: Iterable[str]) -> None:
        """Let base models of this machine that no file names be known by what holds for the local engine.

        Args:
            names: Their ids.
        """
        for name in names:
            if (LOCAL, name) not in self._by_key:
                model = replace(self._defaults.get(LOCAL, CatalogModel(LOCAL, "")), id=name)
                self.models += (model,)
                self._by_key[LOCAL, name] = model
                self._by_name.setdefault(name, model)

    def take_dates(self, told: Iterable[tuple[str, str, str, int]]) -> None:
        """Let what services told go before what the files say.

        Args:
            told: (service, model, shutdown date, Unix second at which it was told), as the store keeps them.
        """
        for provider, model_id, shutdown_date, seen_at in told:
            known = self._by_key.get((provider, model_id))
            if known is not None:
                day = datetime.fromtimestamp(seen_at, UTC).date()
                source = f"{TOLD_BY_SERVICE}, seen {day}"
                self._replace(known, replace(known, shutdown_date=shutdown_date, dates_source=source))

    def _replace(self, old: CatalogModel, new: CatalogModel) -> None:
        self.models = tuple(new if model is old else model for model in self.models)
        self._by_name = {name: new if model is old else model for name, model in self._by_name.items()}
        self._by_key = {key: new if model is old else model for key, model in self._by_key.items()}

    def provider_dates(self, provider: str) -> ProviderEntry:
        """Return what is known of a service; empty when nothing is."""
        return self.providers.get(provider, ProviderEntry())


def override_path() -> Path:
    """Return the path of the person's own catalog file, which need not exist."""
    return paths.config_dir() / "catalog.toml"


@dataclass(slots=True)
class _Written:
    """The keys of one entry, from every file that names it, each with its place."""

    keys: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    place: str = ""

    def add(self, file: CatalogFile, table: str, keys: Mapping[str, Any]) -> None:
        self.keys |= keys
        self.places |= {key: file.at(table, key) for key in keys}
        self.place = file.at(table)

    def under(self, keys: Mapping[str, Any]) -> dict[str, Any]:
        return {**keys, **self.keys}

    def at(self, key: str) -> str:
        return self.places.get(key, self.place)


class _Merged:
    """Tables of several files on their way to checked dataclasses."""

    def __init__(self) -> None:
        self._models: dict[tuple[str, str], _Written] = {}
        self._providers: dict[str, _Written] = {}
        self._defaults: dict[str, _Written] = {}

    def add(self, file: CatalogFile) -> None:
        refuse_unknown(lambda key: file.at("", key), file.tables, ("models", "providers"))
        for name, entry in file.providers.items():
            self._providers.setdefault(name, _Written()).add(file, f"providers.{name}", entry)
            defaults = entry.get("model_defaults", {})
            if not isinstance(defaults, dict):
                raise TunedeckError(f"{file.at(f'providers.{name}')}: model_defaults is not a table.", "")
            self._defaults.setdefault(name, _Written()).add(
                file, f"providers.{name}.model_defaults", defaults
            )
        for number, entry in enumerate(file.models):
            table = f"models.{number}"
            provider, model_id = entry.get("provider"), entry.get("id")
            if not isinstance(provider, str) or not isinstance(model_id, str):
                raise TunedeckError(
                    f'{file.at(table)}: every [[models]] needs provider = "..." and id = "...".', ""
                )
            self._models.setdefault((provider, model_id), _Written()).add(file, table, entry)

    def models(self) -> list[CatalogModel]:
        nothing = _Written()
        return [
            model_from_tables(written.under(self._defaults.get(provider, nothing).keys), written.at)
            for (provider, _), written in self._models.items()
        ]

    def providers(self) -> dict[str, ProviderEntry]:
        return {
            name: provider_from_tables(written.keys, written.at) for name, written in self._providers.items()
        }

    def defaults(self) -> dict[str, CatalogModel]:
        return {
            name: model_from_tables({"provider": name, "id": "", **written.keys}, written.at)
            for name, written in self._defaults.items()
        }
