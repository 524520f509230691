"""A row in the person's own editor: the deck steps aside, and takes back only what is valid."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import work
from textual.app import SuspendNotSupported

from screens.confirm import ConfirmScreen
from screens.rows_save import RowsSave
from tui.errors import TunedeckError
from tui.widgets.words import plural

if TYPE_CHECKING:
    from tui.datasets.report import Finding


class RowsOutside(RowsSave, inherit_bindings=False):
    """Editing a row outside, and what the rules say of a row that was changed."""

    @work(group="outside", exclusive=True, exit_on_error=False, description="edit a row outside")
    async def action_edit_outside(self) -> None:
        """Edit the row's JSON in $EDITOR; what is no JSON can be gone on with or dropped."""
        from tui.datasets.row_layout import edited_line, text_to_edit

        dataset, number = self._dataset, self.rows.line_number
        if dataset is None:
            return
        try:
            before = await asyncio.to_thread(dataset.line, number)
            text = await asyncio.to_thread(text_to_edit, before)
        except TunedeckError as error:
            self.tell_error(error)
            return
        while True:
            try:
                text = self._edit_outside(text, number)
            except TunedeckError as error:
                self.tell_error(error)
                return
            try:
                after = await asyncio.to_thread(edited_line, text, before)
                break
            except TunedeckError as error:
                question = ConfirmScreen(error.message, yes="go on editing", no="drop the change")
                if not await self.app.push_screen_wait(question):
                    self.tell(f"Row {number:,} is as it was.")
                    return
        if after == before:
            self.tell(f"Row {number:,} was not changed.")
        elif await self.change(lambda changed: changed.edit(number, after)):
            await self.tell_verdict(after, number)

    @work(group="edit-row", exclusive=True, exit_on_error=False, description="edit a row")
    async def action_edit_row(self) -> None:
        """Edit the row here: its messages, or its JSON."""
        from screens.edit_row import EditRowScreen
        from tui.datasets.row_draft import RowDraft

        dataset, number = self._dataset, self.rows.line_number
        if dataset is None or self._format is None:
            return
        try:
            line = await asyncio.to_thread(dataset.line, number)
            draft = RowDraft(line, self._format)
        except TunedeckError as error:
            self.tell_error(error)
            return
        self.app.push_screen(EditRowScreen(dataset, number, self._format, draft))

    def _edit_outside(self, text: str, number: int) -> str:
        """Return what the person left; blocks, for there is no screen to draw on meanwhile.

        Raises:
            TunedeckError: There is no editor or no terminal to give to it.
        """
        from tui.text_editor import edit_text, editor_command

        editor_command()  # what is missing is told without a flicker
        failure: TunedeckError | None = None
        try:
            with self.app.suspend():
                # An error must not leave this block: the terminal would not be taken back.
                try:
                    text = edit_text(text, f"row-{number}.json")
                except TunedeckError as error:
                    failure = error
        except SuspendNotSupported:
            raise TunedeckError(
                "This terminal can't be handed to an editor.", "e edits the row here."
            ) from None
        if failure is not None:
            raise failure
        return text

    async def tell_verdict(self, line: bytes, number: int) -> None:
        """Say what the rules find in a row that was just changed.

        Args:
            line: The row as it is now.
            number: Its number.
        """
        from tui.datasets.check_row import check_row

        assert self._format is not None
        found = await asyncio.to_thread(check_row, line, self._format, number=number)
        self.tell(verdict_words(found, number), severity="warning" if found else "information")


def verdict_words(found: tuple[Finding, ...], number: int) -> str:
    """Return what the rules say of a changed row in a sentence or two; safe to show."""
    if not found:
        return f"Row {number:,} changed; nothing is wrong with it."
    more = f" ({plural(len(found) - 1, 'more finding')})" if len(found) > 1 else ""
    return f"Row {number:,} changed. {found[0].severity}: {found[0].message}{more}"
