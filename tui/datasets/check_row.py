"""What the rules say of a single row, in the sentences of the whole file's check."""

from __future__ import annotations

from tui.datasets.formats import DatasetFormat
from tui.datasets.options import CheckOptions
from tui.datasets.report import Finding, Severity
from tui.datasets.rules import severities_at
from tui.datasets.scan import FileScan
from tui.datasets.services import DEFAULT_SERVICE
from tui.datasets.start_facts import look_at_start

_ORDER = list(Severity)


def check_row(
    line: bytes,
    dataset_format: DatasetFormat = DatasetFormat.UNKNOWN,
    provider: str = DEFAULT_SERVICE,
    number: int = 2,
) -> tuple[Finding, ...]:
    """Return what every rule that needs no other row finds, the worst first.

    Args:
        line: The row without its line end.
        dataset_format: Of the file; UNKNOWN looks at the row.
        provider: Whose severities and own rules count.
        number: Of the row; rules about the first line of a file are left out.
    """
    if not line.strip():
        severity = severities_at(provider).get("blank-line", Severity.WARNING)
        return (Finding("blank-line", severity, number, "The line is blank."),)
    known = None if dataset_format is DatasetFormat.UNKNOWN else dataset_format
    batch = max(2, number), [line]
    start, _ = look_at_start([batch], known)
    scan = FileScan(CheckOptions(format=known, count_tokens=False, provider=provider), start)
    scan.batch(*batch, {})
    found = scan.report("", len(line), "").findings
    about_row = [finding for finding in found if finding.line is not None]
    return tuple(sorted(about_row, key=lambda finding: _ORDER.index(finding.severity)))
