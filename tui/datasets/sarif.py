"""Reports as SARIF 2.1.0, which code hosts and editors show beside the lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tui.datasets.report import Finding, Report, Severity
from tui.datasets.rules import RULES, Rule

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_INDEX = {name: number for number, name in enumerate(RULES)}


def sarif_log(
    reports: Sequence[Report], version: str, fingerprints: Sequence[Mapping[Finding, str]]
) -> dict[str, Any]:
    """Return one SARIF log for several files.

    Args:
        reports: One of each file.
        version: Of this program.
        fingerprints: For each report, what tells its findings again when lines move.
    """
    results = [
        _result(report, finding, marks[finding])
        for report, marks in zip(reports, fingerprints, strict=True)
        for finding in report.findings
    ]
    driver = {
        "name": "tunedeck",
        "semanticVersion": version,
        "rules": [_rule(rule) for rule in RULES.values()],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": _not_kept(reports)}],
        "results": results,
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.explanation},
        "help": {"text": f"{rule.explanation}\nSource: {rule.source}, read {rule.source_date}."},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(report: Report, finding: Finding, mark: str) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(report.file)}}
    if finding.line is not None:
        place["region"] = {"startLine": finding.line}
        if finding.column is not None:
            place["region"]["startColumn"] = finding.column
    location: dict[str, Any] = {"physicalLocation": place}
    if finding.path:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.path}]
    said = f" The service says: {finding.service_text}" if finding.service_text else ""
    return {
        "ruleId": finding.rule,
        "ruleIndex": _INDEX[finding.rule],
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message + said},
        "locations": [location],
        "partialFingerprints": {"row/v1": mark},
    }


def _not_kept(reports: Sequence[Report]) -> list[dict[str, Any]]:
    return [
        {
            "level": "note",
            "message": {
                "text": f"{report.file}: {count:,} more findings of {rule} are counted and not listed."
            },
        }
        for report in reports
        for rule, count in report.findings_truncated.items()
    ]


def _uri(file: str) -> str:
    path = Path(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
