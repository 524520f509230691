"""How a lint meets the scan: it looks at rows of one part of a file, parts are merged, then it reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from tui.datasets.findings import FindingCollector, RowFindings
from tui.datasets.formats import DatasetFormat
from tui.datasets.lints.row_text import RowText


@dataclass(slots=True)
class LintRow:
    """One row that parsed as an object; one object may serve all lints of a row, and only that row.

    Args:
        line: Its line number in the file, from 1.
        raw: The line's bytes without the line feed.
        value: What they parse to.
        format: The file's format.
        findings: Where a finding about this row alone goes at once.
    """

    line: int
    raw: bytes
    value: dict[str, Any]
    format: DatasetFormat
    findings: RowFindings
    _text: RowText | None = field(default=None, init=False, repr=False)

    @property
    def text(self) -> RowText:
        """Who says what in the row; found out once for all lints."""
        if self._text is None:
            self._text = RowText.of(self.value, self.format)
        return self._text


class Lint(Protocol):
    """One subject. Its state is bounded: a few bytes per row at most."""

    def row(self, row: LintRow) -> None:
        """Look at a row; called in file order within a part."""

    def merge(self, later: Self) -> None:
        """Take over what the same lint saw in the part of the file that follows."""

    def state(self) -> Any:
        """Return what it saw as plain values: None, numbers, text, bytes, lists and dicts of those."""

    def restore(self, state: Any) -> None:
        """Make a fresh lint what the one was that `state` came from; raises where that is no state."""

    def finish(self, findings: FindingCollector) -> None:
        """Report what only the whole file shows."""


class RowLint:
    """A lint that judges rows one by one: there is nothing to take over and nothing to say at the end."""

    def merge(self, later: Self) -> None:
        """Do nothing."""

    def state(self) -> Any:
        """Return nothing."""
        return None

    def restore(self, state: Any) -> None:
        """Do nothing."""

    def finish(self, findings: FindingCollector) -> None:
        """Do nothing."""
