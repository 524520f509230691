"""The validating_files stage: the app's own rules, told as the service tells them in a failed job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.datasets.report import Finding, Report

MINIMUM_TRAINING_EXAMPLES = 10
"""The service's own minimum (Developers guide, read 2026-11-21)."""


def file_error(
    path: Path, *, model: str, method: str, validation: bool, cancelled: Callable[[], bool]
) -> dict[str, str | None] | None:
    """Check a training or validation file and return the job error it causes, or None when it is sound.

    Args:
        path: The job's own copy of the file.
        model: Base model, which decides the rules that depend on one.
        method: "supervised" or "dpo", which decides the format the file must have.
        validation: True for the validation file, which may have a single example.
        cancelled: Asked now and then; True ends the check.

    Raises:
        CheckCancelled: `cancelled` said so.
    """
    from tui.datasets.check import CheckOptions, check_file  # loads the rules only when a job needs them
    from tui.datasets.formats import DatasetFormat

    options = CheckOptions(
        model=model,
        format=DatasetFormat.PREFERENCE if method == "dpo" else DatasetFormat.CHAT,
        minimum_examples=1 if validation else MINIMUM_TRAINING_EXAMPLES,
        count_tokens=False,
    )
    report = check_file(path, options, cancelled=cancelled)
    if report.valid:
        return None
    return _job_error(report, "validation" if validation else "training")


def _job_error(report: Report, which: str) -> dict[str, str | None]:
    errors = [finding for finding in report.findings if finding.severity == "error"]
    first = min(errors, key=_telling_order, default=None)
    too_few = next((finding for finding in errors if _is_too_few(finding)), None)
    param = f"{which}_file"
    if too_few is not None and (first is too_few or len(errors) == 1):
        text = too_few.service_text or too_few.message
        return {
            "code": "invalid_n_examples",
            "message": text.replace("Training", which.capitalize()),
            "param": param,
        }
    text = (first.service_text or first.message) if first else f"{report.counts} problems were found."
    opening = f"The job failed due to a file format error in the {which} file. "
    if not text.startswith("Invalid file format"):
        opening += "Invalid file format. "
    more = sum(1 for finding in errors if not _is_too_few(finding)) - 1
    closing = f" (and {more} more; `tunedeck check` lists them all)" if more > 0 else ""
    return {"code": "invalid_file_format", "message": opening + text + closing, "param": param}


def _telling_order(finding: Finding) -> tuple[bool, int, bool]:
    """Order findings by line; of one line, the service names a missing key before an extra one."""
    return finding.line is None, finding.line or 0, "is missing key" not in (finding.service_text or "")


def _is_too_few(finding: Finding) -> bool:
    return "must have at least" in (finding.service_text or "")
