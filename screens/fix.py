"""Fix: what the safe fixes would change in a file, with the difference, one row or all of them at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static
from textual.worker import get_current_worker

from screens.base import DeckScreen
from screens.fix_list import FixItem, FixList
from screens.rows_state import RowsState
from tui.datasets.fixes import FIXES
from tui.datasets.fixes.plan import FixPlan, rules_with_fix
from tui.datasets.row_diff import DiffLine, diff_rows
from tui.datasets.row_pass import PassCancelled
from tui.datasets.rules import RULES
from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.line_list import LineList
from tui.widgets.tones import Part, Tone, content
from tui.widgets.words import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.datasets.edits import EditedDataset
    from tui.datasets.formats import DatasetFormat

_TONES: dict[str, Tone] = {"-": "bad", "+": "good", " ": "muted", "…": "muted"}
_MOST_BYTES = 1 << 20
"""Rows above it are fixed but not compared on the screen."""


class DiffPane(VerticalScroll, inherit_bindings=False):
    """The difference, scrolled with the keys of every other pane."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("scroll")]


class FixScreen(RowsState, inherit_bindings=False):
    """The fixes of a file on the left, what the one under the cursor does on the right.

    Args:
        dataset: The open file; its owner keeps it open and hears of changes when this is left.
        dataset_format: Of its rows.
        rule: The fix to begin at.
        row: The line of the file to begin at.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("fix"), *DeckScreen.BINDINGS]
    CSS_PATH = "fix.tcss"
    PLACE = "datasets"
    AUTO_FOCUS = "#fixes"
    WORK_GROUPS: ClassVar[tuple[str, ...]] = ("find", "apply")
    HELP = """
    Each fix is safe: it mends what its rule found and adds no other error. Enter unfolds a fix to its rows; x
    fixes what the cursor is on, one row or all of a fix. Nothing reaches the file before it is saved.
    """

    def __init__(
        self, dataset: EditedDataset, dataset_format: DatasetFormat, rule: str = "", row: int | None = None
    ) -> None:
        super().__init__()
        self._dataset = dataset
        self._plan = FixPlan(dataset, rules_with_fix(lints=True), dataset_format)
        self._start = rule, row
        self._busy = False

    def compose_body(self) -> ComposeResult:
        """Yield the list beside the difference."""
        with Horizontal(id="split"):
            yield FixList(self._number_of)
            with DiffPane(id="diff", classes="pane"):
                yield Static("", id="diff-text", markup=False)
        yield Static("", id="rows-state", markup=False)

    def on_mount(self) -> None:
        """Begin to look for what can be fixed."""
        self._list.border_title = content(f"Fixes for {safe_line(self._dataset.path.name, 80)}")
        self._list.border_subtitle = content("enter unfolds, x fixes")
        self.action_look_again()

    @property
    def _list(self) -> FixList:
        return self.query_one(FixList)

    def _number_of(self, row: int) -> int | None:
        """Return where a row stands; while fixes are applied, its line in the file, without waiting."""
        if self._busy:
            return row if row > 0 else None
        return self._dataset.number_of(row)

    # Finding

    @work(
        thread=True, group="find", exclusive=True, exit_on_error=False, description="find what can be fixed"
    )
    def _find(self) -> None:
        worker = get_current_worker()
        tell = self.progress_teller("Looking for what can be fixed")
        try:
            self._plan.find(tell, lambda: worker.is_cancelled)
        except PassCancelled:
            self.post_from_thread(self._show_stopped)
            return
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
        self.post_from_thread(self._show_plan)

    def _show_stopped(self) -> None:
        self._list.show_fixes({}, empty="Stopped: the file was not read to its end. r reads it again.")

    def _show_plan(self) -> None:
        self._busy = False
        self.end_all_work()
        rows: dict[str, Sequence[int]] = {
            rule: found for rule in self._plan.rules if (found := self._plan.rows(rule))
        }
        self._list.show_fixes(rows, empty="There is nothing to fix.")
        rule, row = self._start
        if row is not None and not rule:
            rule = next(iter(self._plan.rules_of(row)), "")
        if rule:
            self._list.go_to(rule, row)
            if rule not in rows:
                self.tell(f"{rule}: no row that can be fixed safely.", severity="warning")
        self._start = "", None
        self._show_edits()
        self._show_difference()
        self.refresh_bindings()

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """Let the keys work again."""
        self._busy = False
        self.refresh_bindings()
        return super().work_broke_off(group, error)

    def _show_edits(self) -> None:
        total = self._dataset.changes.total if self._dataset.is_changed else 0
        words = f"{plural(total, 'changed row')}: not saved"
        self.show_state("edits", [(words, "warning")] if total else ())

    # The difference

    @on(LineList.Moved, "#fixes")
    def _show_difference(self) -> None:
        item = None if self._busy else self._list.current
        if item is None:
            self._show_text(Content(""), "")
            return
        self._compare(item)

    @work(group="compare", exclusive=True, exit_on_error=False, description="compare a row with its fix")
    async def _compare(self, item: FixItem) -> None:
        """Compare a row, or the first of a fix, with what it becomes; in a thread, for rows may be long."""
        rows = self._plan.rows(item.rule)
        row = item.row if item.row is not None else rows[0] if rows else None
        if row is None:
            return
        try:
            lines = await asyncio.to_thread(self._difference, row, item.rule)
        except TunedeckError as error:
            self._show_text(content((str(error), "bad")), "")
            return
        number = self._number_of(row)
        about = _about(item.rule) if item.row is None else Content("")
        self._show_text(about + _drawn(lines), f"row {number:,}" if number is not None else "")

    def _difference(self, row: int, rule: str) -> list[DiffLine]:
        found = self._plan.after(row, (rule,))
        if found is None:
            return [DiffLine("…", "The row was deleted.")]
        before, after = found
        if len(before) > _MOST_BYTES:
            return [DiffLine("…", f"The row has {len(before):,} bytes, too many to compare here.")]
        return diff_rows(before, after)

    def _show_text(self, text: Content, title: str) -> None:
        pane = self.query_one(DiffPane)
        pane.border_title = title
        self.query_one("#diff-text", Static).update(text)
        pane.scroll_home(animate=False)

    # Keys

    @on(LineList.Opened, "#fixes")
    def action_toggle_fold(self) -> None:
        """Show or hide the rows of a fix."""
        self._list.toggle_fold()

    def action_fix_this(self) -> None:
        """Fix the row under the cursor, or all rows of the fix under it."""
        item = self._list.current
        if item is not None:
            self._begin((item.rule,), None if item.row is None else (item.row,))

    def action_fix_rule(self) -> None:
        """Fix all rows of the fix under the cursor, whichever row of it that is."""
        item = self._list.current
        if item is not None:
            self._begin((item.rule,), None)

    def action_fix_all(self) -> None:
        """Apply every fix that is not about quality."""
        shown = set(rules_with_fix())
        self._begin(tuple(rule for rule in self._plan.rules if rule in shown and self._plan.rows(rule)), None)

    def _begin(self, rules: tuple[str, ...], rows: tuple[int, ...] | None) -> None:
        if not rules:
            self.tell("Only fixes about quality are left: x applies one.")
            return
        self._busy = True
        self.show_work("Fixing")
        self.refresh_bindings()
        self._apply(rules, rows)

    @work(thread=True, group="apply", exclusive=True, exit_on_error=False, description="apply a fix")
    def _apply(self, rules: tuple[str, ...], rows: tuple[int, ...] | None) -> None:
        worker = get_current_worker()
        try:
            done = self._plan.apply(rules, rows, self.progress_teller("Fixing"), lambda: worker.is_cancelled)
            self._plan.refresh(self.progress_teller("Looking again"))
            self.post_from_thread(self.tell, f"{plural(done, 'row')} fixed; u takes it back.")
        except PassCancelled:
            self.post_from_thread(self.tell, "Stopped: nothing was changed.")
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
        self.post_from_thread(self._show_plan)

    def action_look_again(self) -> None:
        """Read the file again."""
        self._list.show_fixes({}, empty="Looking for what can be fixed…")
        self.show_work("Looking for what can be fixed")
        self._find()

    def action_undo(self) -> None:
        """Take back the newest change."""
        self._busy = True
        self._step(-1)

    def action_redo(self) -> None:
        """Do again what was undone last."""
        self._busy = True
        self._step(1)

    @work(thread=True, group="step", exclusive=True, exit_on_error=False, description="undo or do again")
    def _step(self, direction: int) -> None:
        dataset = self._dataset
        try:
            change = dataset.undo() if direction < 0 else dataset.redo()
            self._plan.refresh(self.progress_teller("Looking again"))
            if change is not None:
                words = "Undone" if direction < 0 else "Done again"
                self.post_from_thread(self.tell, f"{words}: {change.label}.")
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
        self.post_from_thread(self._show_plan)

    def go_back(self) -> bool:
        """End what goes on first."""
        return self.cancel_work()

    def reason_against(self, action: str) -> str:
        """Return why nothing can be fixed, undone or done again now."""
        if action in ("fix_this", "fix_rule", "fix_all"):
            if self._dataset.read_only_reason is not None:
                return self._dataset.read_only_reason
            if self._busy:
                return "A fix is being applied: esc stops it."
            return "" if self._list.item_count() else "There is nothing to fix."
        if action in ("undo", "redo"):
            known = self._dataset.undo_label if action == "undo" else self._dataset.redo_label
            if self._busy:
                return "A fix is being applied: esc stops it."
            return "" if known is not None else "There is nothing to take back or do again."
        return ""


def _about(rule: str) -> Content:
    """Return what a fix does and why, above the first row that it would change."""
    parts: list[Part] = [
        (FIXES[rule].explanation, ""),
        (f"\n{rule}: {RULES[rule].summary}\n\n", "muted"),
    ]
    return content(*parts)


def _drawn(lines: list[DiffLine]) -> Content:
    if not lines:
        return content(("Only white space differs.", "muted"))
    if all(line.sign == "-" or line.sign == "…" for line in lines):
        lines = [*lines, DiffLine("…", "The row is removed.")]
    drawn = []
    for line in lines:
        text = content((f"{line.sign} ", _TONES[line.sign]), (line.text, _TONES[line.sign]))
        if line.end > line.start:
            text = text.stylize("reverse", 2 + line.start, 2 + line.end)
        drawn.append(text)
    return Content("\n").join(drawn)
