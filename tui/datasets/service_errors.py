"""The error object that the service would put on a job whose file has these findings."""

from __future__ import annotations

from dataclasses import dataclass

from tui.datasets.report import Finding, Report, Severity
from tui.datasets.rules import RULES

_PREFIX = {
    "invalid_file_format": "The job failed due to a file format error in the training file. ",
    "invalid_training_file": "The job failed due to an invalid training file. ",
}


@dataclass(frozen=True, slots=True)
class FileError:
    """What stands in a failed job's `error`."""

    code: str
    message: str
    param: str


def file_error(report: Report, *, validation: bool = False) -> FileError | None:
    """Return the error of a job for the first error of a report, or None when the file is valid.

    The first line with an error counts; what concerns the whole file comes after every line.

    Args:
        report: Of the training or validation file.
        validation: The file is the validation file.
    """
    errors = [finding for finding in report.findings if finding.severity is Severity.ERROR]
    if not errors:
        return None
    finding = min(errors, key=lambda error: (error.line is None, error.line or 0))
    kind = "validation" if validation else "training"
    code = RULES[finding.rule].service_code or "invalid_file_format"
    message = _PREFIX.get(code, "").replace("training", kind) + _sentence(finding, code, report)
    return FileError(code, message, f"{kind}_file")


def _sentence(finding: Finding, code: str, report: Report) -> str:
    """Return the service's own words where they are known, else ours in the same form."""
    if finding.service_text:
        return finding.service_text
    if code not in _PREFIX:
        return finding.message
    if finding.line is None:
        return f"Invalid file format. {finding.message}"
    example = _example_number(finding.line, report)
    if example is None:
        return f"Invalid file format. Line {finding.line}: {finding.message}"
    return f"Invalid file format. Example {example}: {finding.message} (line {finding.line})"


def _example_number(line: int, report: Report) -> int | None:
    """Return which example stands on a line, from 1; None when not every blank line before it is known."""
    blank = [finding.line or 0 for finding in report.findings if finding.rule == "blank-line"]
    if report.findings_truncated.get("blank-line") and line > max(blank, default=0):
        return None
    return line - sum(1 for number in blank if number < line)
