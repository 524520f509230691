"""Rows that are far longer than the others."""

from __future__ import annotations

from array import array
from typing import Any, Self

from tui.datasets.findings import KEPT_PER_RULE, FindingCollector
from tui.datasets.lints.protocol import LintRow

_FEWEST_ROWS = 50
_TIMES_THE_MEDIAN = 10
_NEVER_LONG_BYTES = 4_000


class Lengths:
    """The bytes of each row, at 16 bytes a row."""

    def __init__(self) -> None:
        self._lengths = array("Q")
        self._lines = array("Q")

    def row(self, row: LintRow) -> None:
        """Remember the row's length."""
        self._lengths.append(len(row.raw))
        self._lines.append(row.line)

    def merge(self, later: Self) -> None:
        """Take over the later part's lengths."""
        self._lengths.extend(later._lengths)
        self._lines.extend(later._lines)

    def state(self) -> Any:
        """Return the lengths and lines."""
        return [self._lengths.tobytes(), self._lines.tobytes()]

    def restore(self, state: Any) -> None:
        """Take the lengths and lines."""
        self._lengths, self._lines = (array("Q", each) for each in state)

    def finish(self, findings: FindingCollector) -> None:
        """Report the rows that are ten times the median and more."""
        if len(self._lengths) < _FEWEST_ROWS:
            return
        import numpy  # 80 ms that `--help` must not pay

        lengths = numpy.frombuffer(self._lengths, dtype=numpy.uint64)
        median = float(numpy.median(lengths))
        limit = max(median * _TIMES_THE_MEDIAN, _NEVER_LONG_BYTES)
        outliers = numpy.flatnonzero(lengths >= limit)
        for index in outliers[:KEPT_PER_RULE].tolist():
            length = self._lengths[index]
            findings.add(
                "length-outlier",
                f"The row has {length:,} bytes, {length / median:,.0f} times the median of {median:,.0f}.",
                line=self._lines[index],
                path="$",
                column=1,
            )
        findings.add_uncounted("length-outlier", max(0, len(outliers) - KEPT_PER_RULE))
