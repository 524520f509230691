"""Fixes with the rows they would change: folded to counts, unfolded to rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tui.datasets.fixes import FIXES
from tui.safe_text import safe_line
from tui.widgets.line_list import LineList
from tui.widgets.tones import Line, fit


@dataclass(frozen=True, slots=True)
class FixItem:
    """What a line of the list is about: a fix, or one row that it would change."""

    rule: str
    row: int | None = None
    """Identity of the row; None for the whole rule."""


class FixList(LineList):
    """Each fix with its count; unfolded, its rows by number. Only offsets are kept, however many rows.

    Args:
        number_of: Tells where a row stands now; None when it is gone.
    """

    def __init__(self, number_of: Callable[[int], int | None]) -> None:
        super().__init__(id="fixes", classes="pane")
        self._number_of = number_of
        self._rows: dict[str, Sequence[int]] = {}
        self._unfolded: set[str] = set()
        self._starts: list[tuple[int, str]] = []
        self._count = 0

    def show_fixes(self, rows: dict[str, Sequence[int]], *, empty: str) -> None:
        """Show these fixes, the cursor where it was as far as that is still there.

        Args:
            rows: Rule -> identities of the rows that its fix would change.
            empty: What is said when there is none.
        """
        here = self.current
        self._rows = rows
        self.empty_text = empty
        if len(rows) == 1:
            self._unfolded.update(rows)
        self._lay_out()
        if here is not None:
            self.go_to(here.rule, here.row)

    def _lay_out(self) -> None:
        self._starts, at = [], 0
        for rule, rows in self._rows.items():
            self._starts.append((at, rule))
            at += 1 + (len(rows) if rule in self._unfolded else 0)
        self._count = at
        self.items_changed()

    def _item(self, index: int) -> FixItem:
        start, rule = next(one for one in reversed(self._starts) if one[0] <= index)
        return FixItem(rule) if index == start else FixItem(rule, self._rows[rule][index - start - 1])

    @property
    def current(self) -> FixItem | None:
        """What the cursor is on."""
        return self._item(self.cursor) if self._count else None

    def toggle_fold(self) -> None:
        """Show or hide the rows of the fix under the cursor."""
        item = self.current
        if item is not None:
            self._unfolded ^= {item.rule}
            self._lay_out()
            self.go_to(item.rule, None)

    def go_to(self, rule: str, row: int | None) -> None:
        """Put the cursor on a fix, or on one of its rows, unfolding it."""
        if rule not in self._rows:
            return
        rows = self._rows[rule]
        if row is not None and row in rows and rule not in self._unfolded:
            self._unfolded.add(rule)
            self._lay_out()
        start = next(at for at, name in self._starts if name == rule)
        self.cursor = start + 1 + rows.index(row) if row is not None and row in rows else start

    def item_count(self) -> int:
        """Return how many lines there are."""
        return self._count

    def item_line(self, index: int, width: int) -> Line:
        """Return a fix with its count, or the number of a row."""
        item = self._item(index)
        if item.row is not None:
            number = self._number_of(item.row)
            return ((f"    row {number:,}" if number is not None else "    (deleted)", ""),)
        count = f"{len(self._rows[item.rule]):,}"
        fold = "▾ " if item.rule in self._unfolded else "▸ "
        room = max(1, width - 3 - len(count))
        return (
            (fold, "muted"),
            (fit(safe_line(FIXES[item.rule].name, 200), room), "strong"),
            (f" {count}", ""),
        )
