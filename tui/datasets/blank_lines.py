"""Blank lines, which are found fault with only where an example follows them."""

from __future__ import annotations

from typing import Any

from tui.datasets.findings import KEPT_PER_RULE, FindingCollector


class BlankLines:
    """Those met since the last example."""

    def __init__(self) -> None:
        self._first: list[int] = []
        self._count = 0

    def __bool__(self) -> bool:
        return self._count > 0

    def add(self, number: int, count: int = 1) -> None:
        """Note lines that follow each other, the first by its number."""
        room = KEPT_PER_RULE - len(self._first)
        self._first.extend(range(number, number + min(room, count)))
        self._count += count

    def report(self, findings: FindingCollector) -> None:
        """Report and forget them: an example follows."""
        for number in self._first:
            findings.add("blank-line", "The line is blank.", line=number)
        findings.add_uncounted("blank-line", self._count - len(self._first))
        self._first.clear()
        self._count = 0

    def merge(self, later: BlankLines) -> None:
        """Take over those of the part of the file that follows."""
        self._first += later._first[: KEPT_PER_RULE - len(self._first)]
        self._count += later._count

    def state(self) -> Any:
        """Return them as plain values."""
        return [self._first, self._count]

    def restore(self, state: Any) -> None:
        """Take what `state` returned."""
        self._first, self._count = state
