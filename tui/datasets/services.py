"""What each service asks of a training file, as data: `services.toml` beside this module, read once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType

DEFAULT_SERVICE = "openai"


@dataclass(frozen=True, slots=True)
class Service:
    """The numbers and switches of one service; the rules that all share are in `rules.toml`."""

    label: str
    minimum_examples: int
    byte_order_mark: str
    """"refused", "wanted" or "unknown"."""
    source: str
    source_date: str
    """Day the source was read, ISO 8601."""
    maximum_examples: int | None = None
    maximum_bytes: int | None = None
    roles_alternate: bool = False
    system_first: bool = False
    splits_at_carriage_return: bool = False
    words_of_openai: bool = False
    tool_call_id: str | None = None
    """Regular expression that a whole tool call id matches."""


def _load() -> Mapping[str, Service]:
    text = resources.files("tui.datasets").joinpath("services.toml").read_text(encoding="utf-8")
    return MappingProxyType({name: Service(**entry) for name, entry in tomllib.loads(text).items()})


SERVICES: Mapping[str, Service] = _load()
"""Name -> service; the default one first."""
