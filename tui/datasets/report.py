"""What a check found: findings, tokens and a verdict, as one value that can be printed, drawn and cached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from tui.datasets.formats import DatasetFormat
from tui.datasets.token_spread import TokenSpread


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """The service refuses the file or the job."""
    WARNING = "warning"
    """The service accepts it; the result or the bill may not be what was meant."""
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule found. All text is safe to show."""

    rule: str
    """Key of `tui.datasets.rules.RULES`."""
    severity: Severity
    line: int | None
    """Physical line, from 1; None when it is about the whole file."""
    message: str
    path: str | None = None
    """JSON path within the line, such as $.messages[2].content."""
    column: int | None = None
    """Character within the line, from 1."""
    text: str | None = None
    """The offending text, at most some 80 characters."""
    service_text: str | None = None
    """What the service says, only where its own sentence has been published; else None."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """How tokens spread over examples; all 0 when there is none."""

    min: int = 0
    mean: float = 0.0
    median: float = 0.0
    p95: float = 0.0
    max: int = 0


@dataclass(frozen=True, slots=True)
class TokenSummary:
    """Tokens of a file; `tui.datasets.row_tokens` defines them."""

    encoding: str
    total: int = 0
    trained: int = 0
    """Tokens that a loss is taken of: assistant messages whose weight is not 0."""
    per_epoch: int = 0
    """Tokens that one epoch reads and bills: each example up to the limit."""
    over_limit: int = 0
    """Examples longer than the limit."""
    limit: int | None = None
    by_role: Mapping[str, int] = field(default_factory=dict)
    """Sums to `total`; "framing" and "tools" (definitions) stand beside the roles."""
    longest: tuple[tuple[int, int], ...] = ()
    """(line, tokens) of the longest examples, longest first."""
    per_example: Distribution = Distribution()
    lost_tokens: int = 0
    """Tokens beyond the limit, which the service cuts."""
    examples: int = 0
    """Examples that could be read, and so were counted."""
    spread: TokenSpread = field(default_factory=TokenSpread)
    """How the tokens spread over the rows, in all and by role."""


_STABLE_KEYS = ("file", "format", "rows", "bytes", "valid", "counts", "findings", "tokens")
_STABLE_TOKEN_KEYS = ("encoding", "total", "trained", "per_epoch", "over_limit")
"""The shape that programs may rely on, in this order; it does not grow."""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of `check_file`."""

    file: str
    format: DatasetFormat
    rows: int
    """Examples: lines that are not blank."""
    bytes: int
    sha256: str
    valid: bool
    """True when no finding is an error."""
    counts: Mapping[str, int]
    """Severity -> findings, also those above the cap per rule."""
    findings: tuple[Finding, ...]
    findings_truncated: Mapping[str, int]
    """Rule -> how many more were found than kept."""
    tokens: TokenSummary

    def as_json(self) -> dict[str, Any]:
        """Return the stable JSON shape of `tunedeck check --json`; `as_record` holds more."""
        record = self.as_record()
        shape = {name: record[name] for name in _STABLE_KEYS}
        shape["tokens"] = {name: record["tokens"][name] for name in _STABLE_TOKEN_KEYS}
        return shape

    def as_record(self) -> dict[str, Any]:
        """Return all of it as JSON values, to keep and for `tunedeck check --json --details`."""
        value = asdict(self)
        value["findings"] = [_finding_json(finding) for finding in self.findings]
        value["tokens"]["longest"] = [list(pair) for pair in self.tokens.longest]
        value["tokens"]["spread"] = self.tokens.spread.as_json()
        value["format"] = self.format.value
        return value

    @classmethod
    def from_record(cls, value: Mapping[str, Any]) -> Report:
        """Return the report that `as_record` turned into `value`."""
        tokens = dict(value["tokens"])
        tokens["longest"] = tuple((line, count) for line, count in tokens["longest"])
        tokens["per_example"] = Distribution(**tokens["per_example"])
        tokens["spread"] = TokenSpread.from_json(tokens.get("spread", {}))
        fields = dict(value)
        fields["format"] = DatasetFormat(value["format"])
        fields["findings"] = tuple(_finding_from_json(finding) for finding in value["findings"])
        fields["tokens"] = TokenSummary(**tokens)
        return cls(**fields)


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {**asdict(finding), "severity": finding.severity.value}


def _finding_from_json(value: Mapping[str, Any]) -> Finding:
    return Finding(**{**value, "severity": Severity(value["severity"])})
