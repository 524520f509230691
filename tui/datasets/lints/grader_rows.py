"""A grader's templates against the rows it will judge."""

from __future__ import annotations

from tui.datasets.findings import FindingCollector
from tui.datasets.formats import DatasetFormat
from tui.datasets.graders import Grader
from tui.datasets.lints.protocol import LintRow, RowLint


class GraderRows(RowLint):
    """Each key that a template reads must stand in each row.

    Args:
        grader: From `tui.datasets.graders.parse_grader`.
    """

    def __init__(self, grader: Grader) -> None:
        self._grader = grader

    def row(self, row: LintRow) -> None:
        """Look for the keys that the grader reads."""
        if row.format is not DatasetFormat.REINFORCEMENT:
            return
        for reference in self._grader.references:
            if reference.missing_in(row.value):
                row.findings.add(
                    "grader-key-missing",
                    f"The grader reads {reference.text} (at {reference.where}), which is not in this row.",
                    text=reference.text,
                )

    def finish(self, findings: FindingCollector) -> None:
        """Report what is wrong with the grader itself."""
        for problem in self._grader.problems:
            findings.add(
                "grader-malformed",
                f"The grader: {problem.path} {problem.message}.",
                path=problem.path,
            )
