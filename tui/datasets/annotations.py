"""Findings as workflow commands of GitHub Actions, which shows them beside the lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tui.datasets.report import Finding, Report, Severity

PER_RULE = 10
"""GitHub shows ten annotations of a level in a step (its documentation, read 2026-11-25)."""
_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def github_annotations(report: Report) -> Iterator[str]:
    """Yield one line per finding, ten of each rule, and one for the rest of the rule."""
    shown: Counter[str] = Counter()
    severities: dict[str, Severity] = {}
    for finding in report.findings:
        shown[finding.rule] += 1
        severities[finding.rule] = finding.severity
        if shown[finding.rule] <= PER_RULE:
            yield _annotation(report.file, finding)
    for rule, count in shown.items():
        more = count - PER_RULE + report.findings_truncated.get(rule, 0)
        if count >= PER_RULE and more > 0:
            place = f"file={_property(report.file)},title={_property(rule)}"
            yield f"::{_COMMANDS[severities[rule]]} {place}::and {more:,} more findings of this rule"


def _annotation(file: str, finding: Finding) -> str:
    place = [f"file={_property(file)}"]
    if finding.line is not None:
        place.append(f"line={finding.line}")
        if finding.column is not None:
            place.append(f"col={finding.column}")
    place.append(f"title={_property(finding.rule)}")
    where = f" ({finding.path})" if finding.path and finding.path != "$" else ""
    return f"::{_COMMANDS[finding.severity]} {','.join(place)}::{_data(finding.message + where)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
