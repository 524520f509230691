"""Findings that are known already: told again by the content of their row, wherever that row has moved."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from tui.datasets.atomic import new_file
from tui.datasets.files import unchanged_file
from tui.datasets.lines import LineReader
from tui.datasets.report import Finding, Report
from tui.datasets.rules import RULES
from tui.errors import TunedeckError

_VERSION = 1
_LENGTH = 32
"""Hex digits kept of a fingerprint."""


@dataclass(frozen=True, slots=True)
class KnownFindings:
    """What a file had when its baseline was written."""

    fingerprints: Mapping[str, int]
    """Fingerprint -> how often."""
    more: Mapping[str, int]
    """Rule -> findings that a report counts without keeping them."""


def fingerprints(path: Path, findings: Iterable[Finding]) -> dict[Finding, str]:
    """Return a fingerprint for each finding: of its rule, the place in its row, and the row's bytes.

    Args:
        path: The file that was checked; read once more for the rows that have findings.
        findings: Of its report.

    Raises:
        TunedeckError: The file can't be read any more.
    """
    found = list(findings)
    wanted = {finding.line for finding in found if finding.line is not None}
    rows: dict[int, bytes] = {}
    if wanted and path.is_file():  # a pipe can't be read twice
        last = max(wanted)
        with unchanged_file(path) as (stream, _):
            for first, lines in LineReader(stream).batches():
                for number in wanted.intersection(range(first, first + len(lines))):
                    rows[number] = sha256(lines[number - first].strip()).digest()
                if first + len(lines) > last:
                    break
    return {
        finding: _fingerprint(finding, rows.get(finding.line, b"") if finding.line is not None else b"")
        for finding in found
    }


def _fingerprint(finding: Finding, row: bytes) -> str:
    head = f"{finding.rule}\0{finding.path or ''}\0".encode("utf-8", "surrogatepass")
    return sha256(head + row).hexdigest()[:_LENGTH]


def read_baseline(path: Path) -> dict[str, KnownFindings]:
    """Return file name -> what was known of it.

    Raises:
        TunedeckError: The baseline can't be read or is none.
    """
    try:
        value = json.loads(path.read_bytes())
        if value["version"] != _VERSION:
            raise ValueError
        return {
            name: KnownFindings(
                {str(mark): int(count) for mark, count in entry["findings"].items()},
                {str(rule): int(count) for rule, count in entry.get("more", {}).items()},
            )
            for name, entry in value["files"].items()
        }
    except OSError as error:
        raise TunedeckError(
            f"{path} can't be read: {error.strerror or error}.", "Write it first: check --write-baseline."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise TunedeckError(f"{path} is no baseline.", "Write a new one: check --write-baseline.") from None


def write_baseline(path: Path, reports: Mapping[str, tuple[Path, Report]]) -> None:
    """Write the findings of reports as what is known from now on.

    Args:
        path: The baseline.
        reports: Name of the file -> (the file, its report).

    Raises:
        TunedeckError: It can't be written, or a file can't be read any more.
    """
    files: dict[str, Any] = {}
    for name, (file, report) in reports.items():
        marks = fingerprints(file, report.findings)
        counted = Counter(marks[finding] for finding in report.findings)
        files[name] = {
            "findings": dict(sorted(counted.items())),
            "more": dict(sorted(report.findings_truncated.items())),
        }
    text = json.dumps({"version": _VERSION, "tool": "tunedeck", "files": files}, indent=1, ensure_ascii=False)
    with new_file(path, overwrite=True) as stream:
        stream.write((text + "\n").encode("utf-8", "backslashreplace"))


def without_known(report: Report, file: Path, known: KnownFindings) -> Report:
    """Return a report with the new findings alone; its counts and verdict are theirs.

    Raises:
        TunedeckError: The file can't be read any more.
    """
    left = Counter(known.fingerprints)
    marks = fingerprints(file, report.findings)
    new = []
    for finding in report.findings:
        if left[marks[finding]] > 0:
            left[marks[finding]] -= 1
        else:
            new.append(finding)
    more = {
        rule: count - known.more.get(rule, 0)
        for rule, count in report.findings_truncated.items()
        if count > known.more.get(rule, 0)
    }
    counts = dict.fromkeys(report.counts, 0)
    severities = {finding.rule: finding.severity for finding in report.findings}
    for finding in new:
        counts[finding.severity.value] += 1
    for rule, count in more.items():
        counts[severities.get(rule, RULES[rule].severity).value] += count
    return replace(
        report, findings=tuple(new), findings_truncated=more, counts=counts, valid=not counts["error"]
    )
