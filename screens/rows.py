"""Rows: a dataset line by line, with the conversation that a line holds beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from screens.base import DeckScreen
from screens.rows_base import AS_IT_IS
from screens.rows_outside import RowsOutside
from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.line_list import LineList
from tui.widgets.message_view import MessageView
from tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from tui.datasets.report import Finding

_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*%")


class RowsScreen(RowsOutside, inherit_bindings=False):
    """The row list on the left, the conversation on the right."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("rows"), *DeckScreen.BINDINGS]
    CSS_PATH = "rows.tcss"
    PLACE = "datasets"
    AUTO_FOCUS = "#rows"
    HELP = """
    Each line of the file is one training example. The conversation it holds is drawn beside it, as the model
    will be taught it. Enter moves to the conversation to scroll it, z gives it the whole width. A search
    looks through the whole file; /text/ between slashes is a regular expression. Changes are kept in a
    journal at once, and reach the file only when they are saved.
    """

    def __init__(self, path: Path, line: int = 1, findings: Sequence[Finding] = (), fix: str = "") -> None:
        super().__init__(path, line, findings)
        self._start_fix, self._start_fix_line = fix, line

    def compose_body(self) -> ComposeResult:
        """Yield list and conversation, the line of what goes on, and the lines to type in."""
        with Horizontal(id="split"):
            yield RowList(id="rows", classes="pane")
            yield MessageView(id="message", classes="pane")
        yield Static("", id="rows-state", markup=False)
        yield Input(placeholder="line number or 50%, enter goes there", id="jump", compact=True)
        yield Input(placeholder="text, or /pattern/; enter searches the file", id="search", compact=True)
        yield Input(placeholder="JMESPath: tools   length(messages) > `4`", id="where", compact=True)
        yield Input(placeholder="number that the row shall have", id="move", compact=True)
        yield Input(placeholder="name of the new file; its own name replaces it", id="save", compact=True)

    def on_mount(self) -> None:
        """Open the file; its first rows show at once, the index follows."""
        self.rows.border_title = Content(safe_line(self._path.name, 120))
        try:
            self.open_file(line=self._start_line)
        except TunedeckError as error:
            self.view.show_note(str(error))
            self.tell_error(error)
            return
        self.watch_file()
        self.offer_pending_changes()
        if self._start_findings:
            self.show_findings(self._start_findings)

    def file_grew(self) -> None:
        """Forget matches and findings of the file as it was."""
        super().file_grew()
        self.clear_search()
        self.forget_findings()

    def changes_settled(self) -> None:
        """Go on to the fixes where that was asked for."""
        if self._start_fix:
            self.open_fixes(self._start_fix, self._start_fix_line)
            self._start_fix = ""

    def on_screen_resume(self) -> None:
        """Draw what was changed on a screen above this one, and read the rows as Check does."""
        self.follow_format()
        if self._dataset is not None and self._dataset.version != self._drawn_version:
            self.rows_changed()

    # Keys

    def action_fix(self) -> None:
        """Show what can be fixed, beginning at this row."""
        self.open_fixes("", self.rows.original_line)

    def open_fixes(self, rule: str, row: int | None) -> None:
        """Show what can be fixed.

        Args:
            rule: The fix to begin at; empty begins at the first.
            row: Line of the file to begin at.
        """
        from screens.fix import FixScreen

        if self._dataset is not None and self._format is not None:
            self.app.push_screen(FixScreen(self._dataset, self._format, rule, row))

    @on(LineList.Opened, "#rows")
    def scroll_conversation(self) -> None:
        """Give the keys to the conversation."""
        self.view.focus()

    def action_toggle_raw(self) -> None:
        """Show the conversation, its JSON, or the line as it is in the file."""
        self._look = (self._look + 1) % (AS_IT_IS + 1)
        self.show_row()

    def action_toggle_zoom(self) -> None:
        """Give the conversation the whole width, or half of it again."""
        self.toggle_class("-zoomed")
        self.query_one(MessageView if self.has_class("-zoomed") else RowList).focus()

    def action_copy_row(self) -> None:
        """Copy the line as it is in the file."""
        try:
            row = self.rows.row()
        except TunedeckError as error:
            self.tell_error(error)
            return
        if row is not None:
            self.navigator.copy_text(row.raw, f"Line {row.line:,}" if row.line else "The row")

    @work(group="copy-part", exclusive=True, exit_on_error=False, description="copy a part")
    async def action_copy_part(self) -> None:
        """Choose what of the row is copied."""
        import asyncio

        from screens.row_parts import parts_dialog, row_parts

        number, dataset = self.rows.line_number, self._dataset
        if dataset is None or self._format is None or not number:
            return
        found = self.row_findings(self.rows.identity)
        try:
            line = await asyncio.to_thread(dataset.line, number)
            parts = await asyncio.to_thread(row_parts, self._path, number, line, self._format, found)
        except TunedeckError as error:
            self.tell_error(error)
            return
        chosen = await self.app.push_screen_wait(parts_dialog(parts))
        if chosen is not None:
            part = parts[int(chosen)]
            self.navigator.copy_text(part.text, f"Row {number:,}, {part.name}")

    def action_check_file(self) -> None:
        """Check the whole file."""
        self.tell_what_is_kept("The check reads the file, so it does not see them: ctrl+s saves.")
        self.navigator.open_check(self.path_as_shown)

    def action_show_tokens(self) -> None:
        """Show the row token by token."""
        number = self.rows.line_number
        if number and self.dataset is not None:
            self.navigator.open_tokens(self._path, number, rows=self.dataset)
        else:
            self.tell("This row has no number yet, so its tokens can't be shown.")

    def action_reshape_file(self) -> None:
        """Make new files of these rows."""
        self.tell_what_is_kept("New files are made of the file without them: ctrl+s saves.")
        self.navigator.open_reshape(self.path_as_shown)

    def action_make_rows(self) -> None:
        """Make rows like the marked ones, or like all of the file."""
        self.tell_what_is_kept("Rows are made of the file without them: ctrl+s saves.")
        dataset = self.dataset
        lines = () if dataset is None or dataset.changes.total else tuple(dataset.marked_rows())
        self.navigator.open_making(self.path_as_shown, lines)

    def action_launch_file(self) -> None:
        """Start a job on this file."""
        self.tell_what_is_kept("A job trains on the file without them: ctrl+s saves.")
        self.navigator.open_launch(self.path_as_shown)

    def action_last_row(self) -> None:
        """Go to the end of the file, also before the index has come there."""
        self.go_to_end()

    def action_jump(self) -> None:
        """Open the line to type a place in."""
        self.open_field("jump")

    def action_search(self) -> None:
        """Open the line to type what to search for in."""
        self.open_field("search")

    @on(Input.Submitted, "#jump")
    def jump_to_line(self, message: Input.Submitted) -> None:
        """Go to the line or the share of the file typed."""
        text = message.value.strip()
        percent = _PERCENT.fullmatch(text)
        if text.isdecimal():
            self.rows.go_to_line(int(text))
        elif percent is not None:
            self.go_far(min(1.0, float(percent[1]) / 100))
        elif text:
            self.tell("Type a line number, or a place such as 50%.", severity="warning")
        self.close_fields()

    @on(Input.Submitted, "#search")
    def search_text(self, message: Input.Submitted) -> None:
        """Search the whole file for what was typed."""
        self.close_fields()
        if message.value:
            self.start_search(message.value)

    def go_back(self) -> bool:
        """Close what is typed in, end work, leave zoom, conversation, search, filter; then the file."""
        if self.close_fields() or self.cancel_work():
            return True
        if self.has_class("-zoomed"):
            self.action_toggle_zoom()
        elif self.view.has_focus:
            self.rows.focus()
        else:
            if self.clear_search() or self.clear_narrowing():
                return True
            self.tell_what_is_kept()
            return False
        return True


def show_rows(app: App[Any], path: Path, line: int, fix: str = "", findings: Sequence[Finding] = ()) -> None:
    """Show a file's rows over what is on the screen, or go back to where they are shown already.

    Opened twice, the second one could change nothing: the journal is the first one's.

    Args:
        app: The app, in the mode where rows are shown.
        path: The file.
        line: Where the cursor goes.
        fix: A rule whose fix is shown at once.
        findings: What a check found, where that is known.
    """
    if any(isinstance(screen, RowsScreen) and screen.path == path for screen in app.screen_stack):
        while not isinstance(screen := app.screen, RowsScreen) or screen.path != path:
            app.pop_screen()
        screen.show_line(line)
        if findings:
            screen.show_findings(findings)
        if fix:
            screen.open_fixes(fix, line)
        return
    app.push_screen(RowsScreen(path, line, findings, fix=fix))
