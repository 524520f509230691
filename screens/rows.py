"""Rows: a dataset line by line, with the conversation that a line holds beside it."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input
from textual.worker import get_current_worker

from screens.base import DeckScreen
from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.line_list import LineList
from tui.widgets.message_view import MessageView
from tui.widgets.row_list import RowList
from tui.widgets.words import plural, size

if TYPE_CHECKING:
    from tui.datasets.formats import DatasetFormat
    from tui.datasets.report import Report
    from tui.datasets.source import Dataset

_SECONDS_BETWEEN_POSTS = 0.25
_ROWS_FOR_FORMAT = 20


class RowsScreen(DeckScreen):
    """The row list on the left, the conversation on the right."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("rows"), *DeckScreen.BINDINGS]
    CSS_PATH = "rows.tcss"
    PLACE = "datasets"
    AUTO_FOCUS = "#rows"
    HELP = """
    Each line of the file is one training example. The conversation it holds is drawn beside it, as the model
    will be taught it. Enter moves to the conversation to scroll it, z gives it the whole width.
    """

    def __init__(self, path: Path, line: int = 1) -> None:
        super().__init__()
        self._path = path
        self._start_line = line
        self._dataset: Dataset | None = None
        self._format: DatasetFormat | None = None
        self._raw = False
        self._errors: list[int] | None = None
        self._messages: dict[int, list[str]] = {}

    def compose_body(self) -> ComposeResult:
        """Yield list and conversation, and the line to jump with."""
        with Horizontal(id="split"):
            yield RowList(id="rows", classes="pane")
            yield MessageView(id="message", classes="pane")
        yield Input(placeholder="line number, enter goes there", id="jump", type="integer", compact=True)

    def on_mount(self) -> None:
        """Open the file; its first rows show at once, the index follows."""
        self.query_one("#rows").border_title = _plain_title(self._path.name)
        try:
            self._open()
        except TunedeckError as error:
            self.query_one(MessageView).show_note(str(error))
            self.tell_error(error)

    def _open(self) -> None:
        from tui.datasets.formats import detect_format  # the readers are not needed before a file is opened
        from tui.datasets.source import Dataset

        dataset = Dataset.open(self._path)
        self._dataset = dataset
        self._format = detect_format(_first_values(dataset))
        self.query_one(RowList).show_dataset(dataset, self._format)
        self._build_index(dataset)
        self._show_title()
        self._show_row()

    def on_unmount(self) -> None:
        """Close the file."""
        if self._dataset is not None:
            self._dataset.close()

    # The index, in a thread

    @work(thread=True, group="index", exclusive=True, exit_on_error=False)
    def _build_index(self, dataset: Dataset) -> None:
        worker = get_current_worker()
        next_post = 0.0

        def tell_progress(_done: int, _total: int) -> None:
            nonlocal next_post
            if time.monotonic() >= next_post:
                next_post = time.monotonic() + _SECONDS_BETWEEN_POSTS
                self.post_from_thread(self._index_grew)

        try:
            dataset.build_index(tell_progress, lambda: worker.is_cancelled)
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
        self.post_from_thread(self._index_grew)

    def _index_grew(self) -> None:
        rows = self.query_one(RowList)
        rows.items_appended()
        self._show_title()
        if self._start_line > 1 and rows.item_count() >= self._start_line:
            rows.go_to_line(self._start_line)
            self._start_line = 1
        self._show_row()

    def _show_title(self) -> None:
        if self._dataset is None:
            return
        so_far = "" if self._dataset.index_complete else " so far"
        parts = [
            f"{self._dataset.row_count:,} lines{so_far}",
            size(self._dataset.size),
            str(self._format or ""),
        ]
        if self._errors is not None:
            parts.append(plural(len(self._errors), "error line") if self._errors else "no errors")
        self.query_one("#rows").border_subtitle = " · ".join(parts)

    # The row

    @on(LineList.Moved, "#rows")
    def show_row_under_cursor(self) -> None:
        """Draw the conversation of the line the cursor is on."""
        self._show_row()

    def _show_row(self) -> None:
        view = self.query_one(MessageView)
        rows = self.query_one(RowList)
        if self._dataset is None or self._format is None or not rows.item_count():
            return
        from tui.datasets.conversation import conversation

        try:
            row = self._dataset.row(rows.line_number)
        except TunedeckError as error:  # the file changed or went away under us
            view.show_note(str(error))
            return
        view.border_title = f"line {row.line:,}"
        view.border_subtitle = "JSON" if self._raw else ""
        turns = () if self._raw or row.error else conversation(row, self._format)
        findings = self._messages.get(row.line, ())
        if turns:
            view.show_turns(turns, findings)
        else:
            view.show_raw(row, findings)

    # Errors

    @work(thread=True, group="findings", exclusive=True, exit_on_error=False)
    def _find_errors(self, direction: int) -> None:
        from tui.datasets.check import CheckCancelled, CheckOptions, check_file

        worker = get_current_worker()
        options = CheckOptions(count_tokens=False)
        try:
            report = check_file(self._path, options, cancelled=lambda: worker.is_cancelled)
        except CheckCancelled:
            return
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
            return
        self.post_from_thread(self._errors_found, report, direction)

    def _errors_found(self, report: Report, direction: int) -> None:
        marks: dict[int, Literal["error", "warning"]] = {}
        for finding in report.findings:
            if finding.line is not None and finding.severity == "error":
                marks[finding.line] = "error"
            elif finding.line is not None and finding.severity == "warning":
                marks.setdefault(finding.line, "warning")
        self._errors = sorted(line for line, mark in marks.items() if mark == "error")
        self._messages = _messages_by_line(report)
        self.query_one(RowList).show_marks(marks)
        self._show_title()
        self._show_row()
        self.action_next_finding(direction)

    def action_next_finding(self, direction: int) -> None:
        """Go to the next (1) or the previous (-1) line with an error; the file is checked on first use."""
        if self._errors is None:
            self.query_one("#rows").border_subtitle = "looking for errors…"
            self._find_errors(direction)
            return
        here = self.query_one(RowList).line_number
        index = bisect_right(self._errors, here) if direction > 0 else bisect_left(self._errors, here) - 1
        if not 0 <= index < len(self._errors):
            self.tell("No line with an error." if not self._errors else "No more errors in this direction.")
            return
        self.query_one(RowList).go_to_line(self._errors[index])

    # Keys

    @on(LineList.Opened, "#rows")
    def scroll_conversation(self) -> None:
        """Give the keys to the conversation."""
        self.query_one(MessageView).focus()

    def action_toggle_raw(self) -> None:
        """Switch between conversation and JSON."""
        self._raw = not self._raw
        self._show_row()

    def action_toggle_zoom(self) -> None:
        """Give the conversation the whole width, or half of it again."""
        self.toggle_class("-zoomed")
        self.query_one(MessageView if self.has_class("-zoomed") else RowList).focus()

    def action_copy_row(self) -> None:
        """Copy the line as it is in the file."""
        if self._dataset is not None:
            number = self.query_one(RowList).line_number
            try:
                text = self._dataset.line(number).decode("utf-8", "replace")
            except TunedeckError as error:
                self.tell_error(error)
                return
            self.navigator.copy_text(text, f"Line {number:,}")

    def action_check_file(self) -> None:
        """Check the whole file."""
        self.navigator.open_check(self._path)

    def action_launch_file(self) -> None:
        """Start a job on this file."""
        self.navigator.open_launch(self._path)

    def action_jump(self) -> None:
        """Open the line to type a number in."""
        field = self.query_one("#jump", Input)
        field.display = True
        field.value = ""
        field.focus()

    @on(Input.Submitted, "#jump")
    def jump_to_line(self, message: Input.Submitted) -> None:
        """Go to the line typed."""
        if message.value.strip().isdigit():
            self.query_one(RowList).go_to_line(int(message.value))
        self._close_jump()

    def _close_jump(self) -> None:
        self.query_one("#jump").display = False
        self.query_one(RowList).focus()

    def go_back(self) -> bool:
        """Close the jump line, the zoom, the conversation; then the file."""
        if self.query_one("#jump").display:
            self._close_jump()
        elif self.has_class("-zoomed"):
            self.action_toggle_zoom()
        elif self.query_one(MessageView).has_focus:
            self.query_one(RowList).focus()
        else:
            return False
        return True


def _plain_title(text: str) -> Content:
    return Content(safe_line(text, 120))


def _first_values(dataset: Dataset) -> list[object]:
    values: list[object] = []
    for number in range(1, _ROWS_FOR_FORMAT + 1):
        try:
            row = dataset.row(number)
        except TunedeckError:
            break
        if row.value is not None:
            values.append(row.value)
    return values


def _messages_by_line(report: Report) -> dict[int, list[str]]:
    messages: dict[int, list[str]] = {}
    for finding in report.findings:
        if finding.line is not None and finding.severity in ("error", "warning"):
            messages.setdefault(finding.line, []).append(finding.message)
    return messages
