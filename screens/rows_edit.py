"""Changes to the rows: delete, copy, move, mark, undo and redo; each is on the disk before it is seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import on
from textual.widgets import Input

from screens.rows_narrow import RowsNarrow
from tui.errors import TunedeckError
from tui.widgets.words import plural

if TYPE_CHECKING:
    from tui.datasets.edits import EditedDataset

_ON_ROW = frozenset(
    {
        "edit_row",
        "edit_outside",
        "delete_row",
        "duplicate_row",
        "toggle_mark",
        "move_row",
        "move_to",
    }
)
"""Actions on the row under the cursor."""
_IN_ORDER = frozenset({"move_row", "move_to"})
"""Actions that need all rows in the order of the file."""


class RowsEdit(RowsNarrow, inherit_bindings=False):
    """Changes to the rows of the open file."""

    _drawn_version = 0
    """Of the dataset, when the rows were drawn last."""

    async def change(self, do: Callable[[EditedDataset], object]) -> bool:
        """Make a change and show what it did; return whether it could be made.

        The journal is written in a thread. Keys pressed meanwhile wait, so that each acts on what the one
        before it left.

        Args:
            do: Changes the dataset.
        """
        dataset = self._dataset
        if dataset is None:
            return False
        try:
            await asyncio.to_thread(do, dataset)
        except TunedeckError as error:
            self.tell_error(error)
            return False
        self.rows_changed()
        return True

    def rows_changed(self) -> None:
        """Draw what a change did."""
        self._drawn_version = self._dataset.version if self._dataset is not None else 0
        self.rows.items_changed()
        self.show_title()
        self.show_row()
        self.show_choice()
        self.judge_changes()
        self.refresh_bindings()

    # Keys

    async def action_delete_row(self) -> None:
        """Delete the row under the cursor."""
        rows, number = self.rows, self.rows.line_number
        if await self.change(lambda dataset: dataset.delete(number)) and rows.has_view:
            rows.cursor += 1  # the deleted one stays in sight there

    async def action_delete_marked(self) -> None:
        """Delete every marked row."""
        dataset = self._dataset
        marked = dataset.marked_rows() if dataset is not None else []
        if marked and await self.change(lambda dataset: dataset.delete(*marked)):
            self.tell(f"{plural(len(marked), 'row')} deleted; u brings them back.")

    async def action_duplicate_row(self) -> None:
        """Put a copy of the row below it."""
        number = self.rows.line_number

        def copy(dataset: EditedDataset) -> None:
            with dataset.change(f"Copy row {number:,}") as editor:
                editor.insert(number + 1, dataset.line(number))

        if not await self.change(copy):
            return
        if self.rows.has_view:
            self.tell(f"The copy is row {number + 1:,}; it shows once all rows do: backspace.")
        else:
            self.rows.cursor += 1

    async def action_toggle_mark(self) -> None:
        """Mark the row, or take its mark away, and go to the next."""
        number = self.rows.line_number

        def toggle(dataset: EditedDataset) -> None:
            (dataset.unmark if dataset.is_marked(number) else dataset.mark)(number)

        if await self.change(toggle):
            self.rows.cursor += 1

    async def action_move_row(self, direction: int) -> None:
        """Move the row up (-1) or down (1) by one; the cursor stays on it."""
        await self._move(self.rows.line_number + direction)

    def action_move_to(self) -> None:
        """Open the line to type where the row goes."""
        self.open_field("move")

    @on(Input.Submitted, "#move")
    async def move_where_typed(self, message: Input.Submitted) -> None:
        """Move the row to the number typed."""
        text = message.value.strip().replace(",", "")
        self.close_fields()
        if text.isdecimal():
            await self._move(int(text))
        elif text:
            self.tell("Type the number that the row shall have.", severity="warning")

    async def _move(self, to: int) -> None:
        number = self.rows.line_number
        if number == to or not 1 <= to <= self.rows.item_count():
            return
        if await self.change(lambda dataset: dataset.move(number, to)):
            self.rows.cursor = to - 1

    async def action_undo(self) -> None:
        """Take back the newest change."""
        label = self._dataset.undo_label if self._dataset is not None else None
        if await self.change(lambda dataset: dataset.undo()):
            self._tell_and_go(f"Undone: {label}.")

    async def action_redo(self) -> None:
        """Do again what was undone last."""
        label = self._dataset.redo_label if self._dataset is not None else None
        if await self.change(lambda dataset: dataset.redo()):
            self._tell_and_go(f"Done again: {label}.")

    def _tell_and_go(self, words: str) -> None:
        """Go to the row that was changed, so that the eyes see what happened."""
        number = self._dataset.touched_row if self._dataset is not None else None
        if number is not None:
            self.rows.go_to_line(min(number, max(1, self._dataset.row_count if self._dataset else 1)))
        self.tell(words)

    # Greyed keys

    def reason_against(self, action: str) -> str:
        """Return why nothing can be changed, undone or done again."""
        dataset = self._dataset
        if action in _ON_ROW:
            return self._reason_against_row(action)
        if action == "fix" and dataset is None:
            return "No file is open."
        if action == "undo" and (dataset is None or dataset.undo_label is None):
            return "Nothing was changed."
        if action == "redo" and (dataset is None or dataset.redo_label is None):
            return "Nothing was undone."
        if action == "delete_marked" and (dataset is None or not dataset.has_marks):
            return "No row is marked: space marks one."
        return super().reason_against(action)

    def _reason_against_row(self, action: str) -> str:
        dataset, rows = self._dataset, self.rows
        if dataset is None or not rows.item_count():
            return "There is no row."
        if dataset.read_only_reason is not None:
            return dataset.read_only_reason
        if rows.far is not None:
            return "The row has no number yet: wait for the index."
        if rows.line_number == 0:
            return "The row was deleted; u brings it back."
        if action in _IN_ORDER and rows.has_view:
            return "Show all rows first: backspace."
        return ""
