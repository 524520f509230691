"""The catalog: prices, limits and dates of models, with the day they were read; a user's file goes first."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from importlib import resources
from pathlib import Path
from typing import Any, Self

from tui import paths
from tui.errors import TunedeckError
from tui.records.jobs import Method
from tui.records.models import Permission

_KEPT_PARTS_OF_TUNED_ID = 2
STALE_AFTER_DAYS = 60
"""A price older than this is shown with a warning."""


@dataclass(frozen=True, slots=True)
class CatalogModel:
    """What is known of a base model; prices in `currency`, per million tokens where the name says so."""

    provider: str
    id: str
    methods: tuple[Method, ...] = ()
    aliases: tuple[str, ...] = ()
    training_price_per_million: Decimal | None = None
    training_price_per_hour: Decimal | None = None
    input_price_per_million: Decimal | None = None
    """Of the fine-tuned model, as are the next two."""
    cached_input_price_per_million: Decimal | None = None
    output_price_per_million: Decimal | None = None
    base_input_price_per_million: Decimal | None = None
    base_output_price_per_million: Decimal | None = None
    hosting_price_per_hour: Decimal | None = None
    """Of a tuned model that stands by; 0 where only use is charged, None when it is not known."""
    validation_is_billed: bool = False
    """Tokens of the validation file are charged like those of the training file."""
    currency: str = "USD"
    price_read_on: str = ""
    """ISO date on which the prices were read at `price_source`."""
    price_source: str = ""
    dates_source: str = ""
    training_ends: str | None = None
    """ISO date of the last day on which a job can be created."""
    shutdown_date: str | None = None
    """ISO date from which the model and its fine-tuned versions stop answering."""
    replacement: str | None = None
    context_limit: int | None = None
    training_example_limit: int | None = None
    """Tokens of a training example; longer ones are cut at the end."""
    encoding: str = "o200k_base"
    """Name of the tiktoken encoding, or "model" for the base model's own tokenizer."""
    minimum_examples: int = 10
    vision: bool = False
    historic: bool = False
    """True when nothing new can be trained on it; the price stays, to explain old jobs."""

    def can_train(self, method: Method | None = None, today: date | None = None) -> Permission:
        """Say whether a job can be created on this model today, and if not, why."""
        day = (today or datetime.now(UTC).date()).isoformat()
        if self.shutdown_date and day >= self.shutdown_date:
            instead = f"; its maker names {self.replacement} instead" if self.replacement else ""
            return Permission(False, f"{self.id} was shut down on {self.shutdown_date}{instead}.")
        if self.historic:
            return Permission(False, f"{self.id} can no longer be trained.")
        if self.training_ends and day > self.training_ends:
            return Permission(False, f"New jobs on {self.id} ended on {self.training_ends}.")
        if method is not None and method not in self.methods:
            known = ", ".join(self.methods) or "no method"
            return Permission(False, f"{self.id} takes {known}, not {method}.")
        return Permission(True)

    def price_age_days(self, today: date | None = None) -> int | None:
        """Return how many days ago the price was read, or None when that is not known."""
        try:
            return ((today or datetime.now(UTC).date()) - date.fromisoformat(self.price_read_on)).days
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class ProviderDates:
    """What is announced for a whole provider."""

    training_ends: str | None = None
    training_ends_source: str = ""
    eligibility: str = ""


class Catalog:
    """Models by id, alias or fine-tuned id."""

    def __init__(self, models: Iterable[CatalogModel], providers: Mapping[str, ProviderDates]) -> None:
        self.models = tuple(models)
        self._providers = dict(providers)
        self._by_name: dict[str, CatalogModel] = {}
        for model in self.models:
            for name in (model.id, *model.aliases):
                self._by_name.setdefault(name, model)

    @classmethod
    def load(cls, override: Path | None = None) -> Self:
        """Read the shipped catalog and the user's override (by default `catalog.toml` in the config folder).

        Raises:
            TunedeckError: The override is wrong; the message names file, entry and key.
        """
        shipped = tomllib.loads(resources.files("tui.data").joinpath("catalog.toml").read_text("utf-8"))
        tables = _Tables("the shipped catalog", shipped)
        path = override or paths.config_dir() / "catalog.toml"
        if path.exists():
            tables.merge(str(path), _read(path))
        return cls(tables.models(), tables.providers())

    def find(self, model_id: str, provider: str | None = None) -> CatalogModel | None:
        """Return the base model behind an id, an alias or `ft:<base>:...`; None when it is not known.

        Args:
            model_id: Any model id.
            provider: With "local", an unknown base counts as one that the user added: free, own tokenizer.
        """
        base = base_of(model_id)
        found = self._by_name.get(base)
        if found is not None and provider in (None, found.provider):
            return found
        if provider == "local":
            template = next(model for model in self.models if model.provider == "local")
            return replace(template, id=base, aliases=(), context_limit=None)
        return None

    def model(self, model_id: str, provider: str | None = None) -> CatalogModel:
        """Return the base model behind an id.

        Raises:
            TunedeckError: It is not in the catalog; the remedy names the nearest.
        """
        found = self.find(model_id, provider)
        if found is None:
            nearest = difflib.get_close_matches(base_of(model_id), list(self._by_name), n=1, cutoff=0.4)
            guess = f"Did you mean {nearest[0]}? " if nearest else ""
            raise TunedeckError(
                f"The catalog has no model {model_id!r}.",
                f"{guess}`tunedeck models` lists what there is; prices of other models can be added in "
                f"{paths.config_dir() / 'catalog.toml'}.",
            )
        return found

    def trainable(self, method: Method | None = None, today: date | None = None) -> list[CatalogModel]:
        """Return the models on which a job can be created today, in the catalog's order."""
        return [model for model in self.models if model.can_train(method, today)]

    def provider_dates(self, provider: str) -> ProviderDates:
        """Return what is announced for a provider; empty when nothing is."""
        return self._providers.get(provider, ProviderDates())


def base_of(model_id: str) -> str:
    """Return the base model of `ft:<base>:<org>:...`; any other id is its own base."""
    parts = model_id.split(":")
    return parts[1] if parts[0] == "ft" and len(parts) >= _KEPT_PARTS_OF_TUNED_ID else model_id


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TunedeckError(
            f"The catalog override {path} can't be read: {error}.", "Repair it, or move it away."
        ) from None


class _Tables:
    """Raw TOML tables on their way to checked dataclasses."""

    def __init__(self, place: str, content: Mapping[str, Any]) -> None:
        self._places: dict[tuple[str, str], str] = {}
        self._models: dict[tuple[str, str], dict[str, Any]] = {}
        self._dates: dict[str, dict[str, Any]] = {}
        self.merge(place, content)

    def merge(self, place: str, content: Mapping[str, Any]) -> None:
        _refuse_unknown(place, content, ("defaults", "models", "providers"))
        defaults = content.get("defaults", {})
        for entry in content.get("models", []):
            if not isinstance(entry.get("provider"), str) or not isinstance(entry.get("id"), str):
                raise TunedeckError(f'{place}: every [[models]] needs provider = "..." and id = "...".', "")
            key = (entry["provider"], entry["id"])
            _refuse_unknown(f"{place}, model {entry['id']}", entry, [f.name for f in fields(CatalogModel)])
            self._models[key] = {**self._models.get(key, {}), **defaults, **entry}
            self._places[key] = place
        for name, entry in content.get("providers", {}).items():
            _refuse_unknown(f"{place}, provider {name}", entry, [f.name for f in fields(ProviderDates)])
            self._dates[name] = {**self._dates.get(name, {}), **entry}

    def models(self) -> list[CatalogModel]:
        return [_model(f"{self._places[key]}, model {key[1]}", raw) for key, raw in self._models.items()]

    def providers(self) -> dict[str, ProviderDates]:
        return {name: ProviderDates(**raw) for name, raw in self._dates.items()}


def _refuse_unknown(place: str, entry: Mapping[str, Any], known: Iterable[str]) -> None:
    valid = list(known)
    for key in entry:
        if key not in valid:
            nearest = difflib.get_close_matches(key, valid, n=1, cutoff=0.4)
            guess = f"Did you mean {nearest[0]!r}?" if nearest else f"Valid keys: {', '.join(valid)}."
            raise TunedeckError(f"{place}: there is no key {key!r}.", guess)


def _model(place: str, raw: Mapping[str, Any]) -> CatalogModel:
    values = dict(raw)
    try:
        for key in values:
            if "_price_" in key:
                values[key] = Decimal(str(values[key]))
            elif key in ("training_ends", "shutdown_date", "price_read_on"):
                values[key] = date.fromisoformat(str(values[key])).isoformat()
        values["methods"] = tuple(Method(word) for word in values.get("methods", ()))
        values["aliases"] = tuple(values.get("aliases", ()))
    except (InvalidOperation, ValueError, TypeError) as error:
        raise TunedeckError(
            f"{place}: a value is wrong: {error}.", 'Prices are text such as "5.00", dates "2027-01-14".'
        ) from None
    return CatalogModel(**values)
