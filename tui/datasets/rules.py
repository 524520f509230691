"""The rules as data: `rules.toml` beside this module, read once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from tui.datasets.report import Severity
from tui.datasets.services import DEFAULT_SERVICE, SERVICES

_OFF = "off"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a rule says, how bad it is, why, and who says so."""

    id: str
    severity: Severity
    """At the default service; where that does not know the rule, at those that do."""
    summary: str
    explanation: str
    source: str
    source_date: str
    """Day the source was read, ISO 8601."""
    service_code: str | None
    """error.code of a job that fails by it; None when the service does not fail."""
    lints: str = ""
    """ "fast" or "all": the set of quality lints that it belongs to; empty for a rule of the format."""
    only: frozenset[str] = frozenset()
    """The services that know the rule; empty means all."""
    by_service: Mapping[str, Severity | None] = field(default_factory=dict)
    """Service -> how bad it is there, where that differs; None is not at all."""
    example: Mapping[str, Any] = field(default_factory=dict)
    """A tiny file that breaks it; `tui.datasets.rule_examples` reads it."""

    def severity_at(self, service: str) -> Severity | None:
        """Return how bad breaking the rule is at a service; None where it is nothing."""
        if self.only and service not in self.only:
            return None
        return self.by_service.get(service, self.severity)


def _rule(rule_id: str, entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> Rule:
    severity = Severity(entry["severity"])
    code = entry.get("code", "invalid_file_format") if severity is Severity.ERROR else None
    by_service = entry.get("by_service", {})
    unknown = (set(by_service) | set(entry.get("only", ()))) - set(SERVICES)
    if unknown:
        raise ValueError(f"rules.toml: {rule_id} names unknown services: {sorted(unknown)}")
    return Rule(
        id=rule_id,
        severity=severity,
        summary=entry["summary"],
        explanation=entry["explanation"],
        source=entry["source"],
        source_date=entry.get("source_date", defaults["source_date"]),
        service_code=code,
        lints=entry.get("lints", ""),
        only=frozenset(entry.get("only", ())),
        by_service={name: None if word == _OFF else Severity(word) for name, word in by_service.items()},
        example=entry.get("example", {}),
    )


def _load() -> Mapping[str, Rule]:
    text = resources.files("tui.datasets").joinpath("rules.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text)
    defaults = entries.pop("defaults")
    return MappingProxyType({name: _rule(name, entry, defaults) for name, entry in entries.items()})


RULES: Mapping[str, Rule] = _load()
"""Rule id -> rule, in the order of the file."""


@cache  # fixes ask for every row
def severities_at(service: str = DEFAULT_SERVICE) -> Mapping[str, Severity]:
    """Return rule id -> severity at a service, without the rules that it does not know."""
    found = {name: rule.severity_at(service) for name, rule in RULES.items()}
    return {name: severity for name, severity in found.items() if severity is not None}


def fix_of(rule_id: str) -> str | None:
    """Return the name of the fix that is safe for a rule, or None where only a person can decide."""
    import importlib  # fixes import the rules' checks

    name: str | None = importlib.import_module("tui.datasets.fixes").fix_name(rule_id)
    return name
