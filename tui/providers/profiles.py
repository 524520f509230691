"""What differs between services of OpenAI's shape: `tui/data/profiles.json`, read once and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Protocol

from tui.providers.parameters import Parameter, parameter_from
from tui.providers.profile_data import profile_file
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
class Option:
    """Something an account of the service has to say beside its key, such as the Azure resource."""

    name: str
    where: str
    """"url" fills the base URL's template; "query" goes with every request; "deploy" is for deployments."""
    help: str = ""
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """A service; what is left out is as at OpenAI."""

    name: str
    label: str
    shape: str = "openai"
    """Whose REST it speaks for files and jobs: "openai", "together", "fireworks"; chats are OpenAI's."""
    key_variable: str | None = None
    """Environment variable that holds the key; None when the program or the account names it."""
    base_url: str | None = None
    """With {option} where an account's option goes; None when only the account can say."""
    base_url_variable: str | None = None
    base_url_hint: str = ""
    """What a base URL looks like, for those who type it."""
    options: tuple[Option, ...] = ()
    max_tokens_field: str = "max_completion_tokens"
    """How a chat request limits the answer; newer models refuse the older name."""
    byte_order_mark: str = "unknown"
    """"refused", "wanted" or "unknown"; a wanted one is put before a file while it goes up."""
    largest_file_bytes: int = 512 * _MEBIBYTE
    """Above it, a file goes up in parts."""
    parts_above_bytes: int | None = None
    """Where parts are wanted for smaller files already."""
    parts_route: str = "uploads"
    """"uploads", or "azure": the uploads API of the resource's older route."""
    learning_rate: str = "multiplier"
    """"multiplier" or "absolute"; a number of one kind means nothing in the other."""
    suffix: str = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
    """Regular expression of a whole suffix; empty where none is taken."""
    suffix_words: str = "1 to 64 letters, digits, dots, hyphens, underscores"
    parameters: tuple[Parameter, ...] = ()
    cannot: Mapping[Capability, str] = field(default_factory=dict)
    """What the service doesn't do, with the reason."""
    moderation_model: str | None = None
    """What judges texts for free; None where nothing does."""
    batches: bool = False
    """It answers files of requests within a day."""
    batch_share: tuple[float, float] = (0.5, 0.5)
    """What such an answer costs of the price of one at once, at least and at most."""
    scores_text: bool = False
    """Its completions route echoes given tokens with their logprobs, for chat models too."""
    holds_lengths: bool = False
    """A schema that an answer is held to may say how long a text is (`maxLength`)."""
    deployment: str = ""
    """What must happen before a tuned model answers, in a sentence; empty when nothing must."""
    entra_scopes: Mapping[str, str] = field(default_factory=dict)
    """End of a host's name -> what a token of Microsoft Entra is asked for there; empty: none is taken."""
    deploys: str = ""
    """How a tuned model is deployed from here: "azure", "nebius", or not at all."""
    resumes_alone: bool = False
    """Jobs that the service has paused can be resumed, though it takes no request to pause."""
    estimates_price: bool = False
    """It says what a job would cost once the file is there."""
    previews_tokens: bool = False
    """It shows how it would read rows of a file that is there."""
    gives_weights: bool = False
    """An adapter that a job made can be fetched."""
    chat_url: str | None = None
    """Where chats go, if not to the base URL."""
    keeps_queue: bool = False
    """Its jobs can wait until a time, and be moved within its queue: the engine's."""
    jobs_at_once: int | None = None
    """Jobs that may be under way at once, where the number is known."""
    source: str = ""
    read_on: str = ""
    """ISO date on which `source` was read."""

    @property
    def keeps_metadata(self) -> bool:
        """A job can carry pairs of name and value there: where jobs have OpenAI's shape."""
        return self.shape == "openai"

    @property
    def parts_from_bytes(self) -> int:
        """Above it, a file goes up in parts."""
        return self.largest_file_bytes if self.parts_above_bytes is None else self.parts_above_bytes

    def parameter(self, name: str, method: Method) -> Parameter | None:
        """Return a hyperparameter that the service takes for a method, or None."""
        return next((one for one in self.parameters_for(method) if one.name == name), None)

    def parameters_for(self, method: Method) -> list[Parameter]:
        """Return what can be chosen for a job of this method."""
        return [one for one in self.parameters if not one.methods or method in one.methods]

    def suffix_fits(self, suffix: str) -> bool:
        """True when the service takes a suffix."""
        return bool(self.suffix) and re.fullmatch(self.suffix, suffix) is not None


@lru_cache(maxsize=1)
def profiles() -> Mapping[str, Profile]:
    """Return every profile by name, read once."""
    content = profile_file()
    shared = content["parameters"]
    return MappingProxyType(
        {name: _profile(name, entry, shared) for name, entry in content["profiles"].items()}
    )


def profile(name: str) -> Profile:
    """Return the profile of a service; one that is not known is taken for any service of OpenAI's shape."""
    known = profiles()
    return known.get(name) or known["custom"]


def _profile(name: str, entry: Mapping[str, Any], shared: Mapping[str, Any]) -> Profile:
    unknown = set(entry) - {one.name for one in fields(Profile)}
    if unknown:
        raise ValueError(f"profiles.json: {name} has unknown keys: {', '.join(sorted(unknown))}")
    values = dict(entry)
    values["parameters"] = tuple(
        parameter_from({"name": one, **shared[one]} if isinstance(one, str) else one)
        for one in entry.get("parameters", ())
    )
    values["options"] = tuple(Option(key, **value) for key, value in entry.get("options", {}).items())
    if "batch_share" in entry:
        values["batch_share"] = tuple(entry["batch_share"])
    values["cannot"] = {Capability(key): reason for key, reason in entry.get("cannot", {}).items()}
    return Profile(name, **values)
