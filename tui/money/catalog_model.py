"""What the catalog knows of a model and of a service: prices, limits and dates, with day and source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tui import clock
from tui.records.jobs import Method
from tui.records.models import Permission

STALE_AFTER_DAYS = 60
"""A price older than this is shown with a warning."""
MODEL_ENCODING = "model"
"""The catalog's word for "the base model's own tokenizer"."""
NOT_PUBLISHED = "not published"
"""Shown where nobody could read a number; never 0."""


@dataclass(frozen=True, slots=True)
class PriceTier:
    """One way to train the same model at another price, such as Azure's `trainingType`."""

    name: str
    aliases: tuple[str, ...] = ()
    """Other spellings that the service takes."""
    training_factor: Decimal = Decimal(1)
    highest_training_factor: Decimal | None = None
    hosting_price_per_hour: Decimal | None = None
    """Where it differs from the model's."""


@dataclass(frozen=True, slots=True)
class CatalogModel:
    """What is known of a base model; prices in `currency`, per million tokens where the name says so.

    A number that nobody could read is None: unknown, which is something else than 0.
    """

    provider: str
    id: str
    methods: tuple[Method, ...] = ()
    aliases: tuple[str, ...] = ()
    is_class: bool = False
    """A class of models at one price, such as "base up to 16B"; no job can name it."""
    training_price_per_million: Decimal | None = None
    highest_training_price_per_million: Decimal | None = None
    """The other end, where the source gives a range."""
    training_price_per_hour: Decimal | None = None
    dpo_price_factor: Decimal | None = None
    full_training_price_factor: Decimal | None = None
    """What training all weights costs against LoRA; None where no such price is published."""
    minimum_charge: Decimal | None = None
    """The least that a job costs."""
    price_tiers: tuple[PriceTier, ...] = ()
    input_price_per_million: Decimal | None = None
    """Of the fine-tuned model, as are those up to the batch prices."""
    cached_input_price_per_million: Decimal | None = None
    output_price_per_million: Decimal | None = None
    batch_input_price_per_million: Decimal | None = None
    batch_cached_input_price_per_million: Decimal | None = None
    batch_output_price_per_million: Decimal | None = None
    base_input_price_per_million: Decimal | None = None
    base_cached_input_price_per_million: Decimal | None = None
    base_output_price_per_million: Decimal | None = None
    hosting_price_per_hour: Decimal | None = None
    """Of a tuned model that stands by; 0 where only use is charged."""
    highest_hosting_price_per_hour: Decimal | None = None
    storage_price_per_gb_month: Decimal | None = None
    validation_is_billed: bool | None = None
    """Tokens of the validation file are charged like those of the training file."""
    currency: str = "USD"
    price_read_on: str = ""
    """ISO date on which the prices were read at `price_source`."""
    price_source: str = ""
    dates_source: str = ""
    training_ends: str | None = None
    """ISO date of the last day on which a job can be created."""
    training_may_end: str | None = None
    """ISO date before which the service says that training will not end."""
    base_retired: str | None = None
    """ISO date from which the base model itself answers nobody, although tuned ones still do."""
    shutdown_date: str | None = None
    """ISO date from which the model and its fine-tuned versions stop answering."""
    replacement: str | None = None
    context_limit: int | None = None
    training_example_limit: int | None = None
    """Tokens of a training example; longer ones are cut at the end."""
    encoding: str = "o200k_base"
    """Name of the tiktoken encoding, or "model" for the base model's own tokenizer."""
    count_is_rough: bool = False
    """The model's own vocabulary is not here, and `encoding` only stands in for it."""
    minimum_examples: int | None = None
    weights_can_leave: bool | None = None
    """The tuned weights can be downloaded."""
    vision: bool = False
    historic: bool = False
    """True when nothing new can be trained on it; the price stays, to explain old jobs."""
    note: str = ""

    @property
    def vocabulary(self) -> str:
        """What its tokens are counted by: models with one vocabulary have one count of a file."""
        return self.id if self.encoding == MODEL_ENCODING else self.encoding

    @property
    def highest(self) -> Decimal | None:
        """The high end of the training price per million tokens."""
        return self.highest_training_price_per_million or self.training_price_per_million

    def can_train(self, method: Method | None = None, today: date | None = None) -> Permission:
        """Say whether a job can be created on this model today, and if not, why."""
        day = (today or clock.today()).isoformat()
        if self.is_class:
            return Permission(False, f"{self.id} is a class of models, not one that a job can name.")
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
            return ((today or clock.today()) - date.fromisoformat(self.price_read_on)).days
        except ValueError:
            return None

    def is_stale(self, today: date | None = None) -> bool:
        """True when the price was read too long ago to be relied on."""
        age = self.price_age_days(today)
        return age is not None and age > STALE_AFTER_DAYS

    def tier(self, name: str) -> PriceTier | None:
        """Return the tier of that name or spelling, or None."""
        return next((tier for tier in self.price_tiers if name in (tier.name, *tier.aliases)), None)

    def tier_among(self, values: Iterable[object]) -> str | None:
        """Return the name of the tier that one of a job's choices names, or None when none does."""
        found = (self.tier(value) for value in values if isinstance(value, str))
        return next((tier.name for tier in found if tier is not None), None)


@dataclass(frozen=True, slots=True)
class ProviderEntry:
    """What is known of a whole service."""

    label: str = ""
    source: str = ""
    """Where what is known of it was read; prices and dates have their own sources beside it."""
    read_on: str = ""
    """ISO date on which that was."""
    launchable: bool = False
    """tunedeck starts jobs there."""
    any_model: bool = False
    """It trains models that the catalog does not list."""
    training_ends: str | None = None
    training_ends_source: str = ""
    eligibility: str = ""
