"""What a fix is: one safe change to one row, for one rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tui.datasets.fixes.row_rules import RowVerdict, Wrong, judge
from tui.datasets.formats import DatasetFormat
from tui.datasets.report import Finding


@dataclass(frozen=True, slots=True)
class Fixed:
    """What becomes of a row."""

    rows: tuple[bytes, ...]
    """Lines without line ends: one takes the row's place, several follow each other, none removes it."""

    @property
    def removes(self) -> bool:
        """True when the row is to go."""
        return not self.rows


REMOVED = Fixed(())
Repair = Callable[[bytes, RowVerdict, tuple[Wrong, ...]], "Fixed | bytes | None"]
"""(line, its verdict, what is wrong by this rule) -> new row or rows, or None when that is not safe."""


@dataclass(frozen=True, slots=True)
class Fix:
    """The safe fix of one rule."""

    rule: str
    name: str
    """What it does, as a command: "Remove the byte order mark"."""
    explanation: str
    """What is changed, what is lost, and when it does nothing."""
    repair: Repair
    needs_finding: bool = False
    """Only the whole file shows what is wrong (a repeated row), so a finding must be given."""
    changes_format: bool = False
    """The row is of another format afterwards."""
    finds_itself: bool = False
    """The repair looks for what is wrong: the rule is a quality lint or a single service's."""

    def apply(
        self,
        line: bytes,
        finding: Finding | None = None,
        dataset_format: DatasetFormat = DatasetFormat.UNKNOWN,
        *,
        verdict: RowVerdict | None = None,
    ) -> Fixed | None:
        """Return what the row becomes, or None when nothing is wrong by this rule or no fix is safe.

        Everything in the row that the rule finds is fixed at once. The result has no finding of the rule any
        more and no error that the row did not have, or it is not given.

        Args:
            line: The row without its line end.
            finding: Of this rule and row; needed where `needs_finding` says so.
            dataset_format: Of the file; UNKNOWN looks at the row.
            verdict: What `judge` said of the row, where that is known already.
        """
        verdict = verdict or judge(line, dataset_format)
        wrong = verdict.of(self.rule)
        if self.needs_finding:
            if finding is None or finding.rule != self.rule:
                return None
        elif not wrong and not (self.finds_itself and verdict.was_checked):
            return None
        try:
            result = self.repair(line, verdict, wrong)
        except RecursionError:
            return None
        if result is None or result == line:
            return None
        fixed = result if isinstance(result, Fixed) else Fixed((result,))
        return fixed if self._is_better(verdict, fixed) else None

    def _is_better(self, before: RowVerdict, fixed: Fixed) -> bool:
        if self.needs_finding:
            return True
        dataset_format = DatasetFormat.UNKNOWN if self.changes_format else before.format
        for row in fixed.rows:
            after = judge(row, dataset_format)
            if after.of(self.rule):
                return False
            if before.was_checked and not after.errors <= before.errors:
                return False
        return True
