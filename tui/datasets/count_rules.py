"""How each part of a row is counted, with its stated error: `count_rules.toml` beside this module."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class CountRule:
    """How one part is counted."""

    part: str
    formula: str
    error: str
    """How far the truth may be from the count, and why."""
    source: str
    source_date: str
    """Day the source was read, ISO 8601."""
    example: str = ""
    """A row as JSON; empty where a row alone shows nothing."""
    tokens: int = 0
    """What the example counts with o200k_base."""
    trained: int = 0
    """How many of these are trained on."""


@cache
def count_rules() -> Mapping[str, CountRule]:
    """Return the rules by id, in the order of the documentation."""
    text = resources.files("tui.datasets").joinpath("count_rules.toml").read_text(encoding="utf-8")
    return {name: CountRule(**entry) for name, entry in tomllib.loads(text).items()}
