"""The rules as data: `rules.toml` beside this module, read once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Any

from tui.datasets.report import Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """What a rule says, how bad it is, why, and who says so."""

    id: str
    severity: Severity
    summary: str
    explanation: str
    source: str
    source_date: str
    """Day the source was read, ISO 8601."""
    service_code: str | None
    """error.code of a job that fails by it; None when the service does not fail."""


def _rule(rule_id: str, entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> Rule:
    severity = Severity(entry["severity"])
    code = entry.get("code", "invalid_file_format") if severity is Severity.ERROR else None
    return Rule(
        id=rule_id,
        severity=severity,
        summary=entry["summary"],
        explanation=entry["explanation"],
        source=entry["source"],
        source_date=entry.get("source_date", defaults["source_date"]),
        service_code=code,
    )


def _load() -> Mapping[str, Rule]:
    text = resources.files("tui.datasets").joinpath("rules.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text)
    defaults = entries.pop("defaults")
    return MappingProxyType({name: _rule(name, entry, defaults) for name, entry in entries.items()})


RULES: Mapping[str, Rule] = _load()
"""Rule id -> rule, in the order of the file."""
