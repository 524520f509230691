"""What differs between services of OpenAI's shape, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from tui.records.jobs import Method
from tui.records.models import Capability, Permission

_MEBIBYTE = 1024 * 1024


class BaseModelFacts(Protocol):
    """What is known of a base model; the catalog's entries have this shape."""

    @property
    def provider(self) -> str:
        """Profile name of the service that trains it."""
        ...

    @property
    def shutdown_date(self) -> str | None:
        """ISO date from which it stops answering."""
        ...

    def can_train(self, method: Method | None = None, today: date | None = None) -> Permission:
        """Whether a job can be created on it."""
        ...


class ProviderFacts(Protocol):
    """What is announced for a whole service."""

    @property
    def training_ends(self) -> str | None:
        """ISO date of the last day on which a job can be created."""
        ...


class ModelFacts(Protocol):
    """Dates and methods by model; `tui.money.catalog.Catalog` has this shape."""

    def find(self, model_id: str, provider: str | None = None) -> BaseModelFacts | None:
        """The facts of a base model, or None."""
        ...

    def provider_dates(self, provider: str) -> ProviderFacts:
        """The dates of a service."""
        ...


@dataclass(frozen=True, slots=True)
class Profile:
    """A service of OpenAI's shape."""

    name: str
    label: str
    key_variable: str | None
    """Environment variable that holds the key; None when the program knows it by itself."""
    base_url_variable: str | None
    default_base_url: str | None
    max_tokens_field: str
    """How a chat request limits the answer; newer models refuse the older name."""
    largest_file_bytes: int
    """Above it, a file goes up in parts."""
    suffix_length: int = 64
    minimum_examples: int = 10
    seed_in_chat: bool = True
    cannot: Mapping[Capability, str] = field(default_factory=dict)
    """What the service doesn't do, with the reason."""


LOCAL = Profile(
    name="local",
    label="Local engine (this machine)",
    key_variable=None,
    base_url_variable=None,
    default_base_url=None,
    max_tokens_field="max_tokens",
    largest_file_bytes=512 * _MEBIBYTE,
    cannot={Capability.TRAIN_REINFORCEMENT: "The local engine trains supervised and DPO jobs only."},
)

OPENAI = Profile(
    name="openai",
    label="OpenAI",
    key_variable="OPENAI_API_KEY",
    base_url_variable="OPENAI_BASE_URL",
    default_base_url="https://api.openai.com/v1",
    max_tokens_field="max_completion_tokens",
    largest_file_bytes=512 * _MEBIBYTE,  # platform limit per file, read 2026-09
    cannot={
        Capability.TRAIN_REINFORCEMENT: (
            "No model is left for reinforcement fine-tuning: o4-mini was shut down on 2026-10-23."
        ),
    },
)

PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in (LOCAL, OPENAI)}
