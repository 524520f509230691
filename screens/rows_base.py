"""The rows of a file on the screen: opening, numbering, watching the file; what the other parts build on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work
from textual.content import Content
from textual.worker import get_current_worker

from screens.rows_state import SECONDS_BETWEEN_POSTS, RowsState
from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.widgets.line_list import LineList
from tui.widgets.message_view import FindingLine, MessageView
from tui.widgets.row_list import RowList
from tui.widgets.words import plural, size

if TYPE_CHECKING:
    from tui.datasets.edits import EditedDataset
    from tui.datasets.formats import DatasetFormat
    from tui.datasets.report import Finding
    from tui.datasets.source import Row

_SECONDS_BETWEEN_LOOKS = 1.0

CONVERSATION, LAID_OUT, AS_IT_IS = range(3)
"""How a row is shown: by its messages, as JSON over several lines, as the line that it is."""
_LOOKS = ("", "JSON", "as in the file")


class RowsBase(RowsState, inherit_bindings=False):
    """A file that is open, its list, and the row beside it."""

    def __init__(self, path: Path, line: int = 1, findings: Sequence[Finding] = ()) -> None:
        super().__init__()
        self._path = path
        self._start_line = line
        self._dataset: EditedDataset | None = None
        self._format: DatasetFormat | None = None
        self._looks_like: DatasetFormat | None = None
        """What the rows say that they are; asked once, as the first of them may be long."""
        self._look = CONVERSATION
        self._drawn: object = None
        """What the conversation shows, where that is a row."""
        self._start_findings = findings
        self._opened_with: int | None = None
        """Lines that the file had when it was first known whole; None before."""

    # What is open

    @property
    def is_saving(self) -> bool:
        """True while the file is being replaced by this program itself."""
        return any(worker.group == "save" and not worker.is_finished for worker in self.workers)

    @property
    def rows(self) -> RowList:
        """The list."""
        return self.query_one(RowList)

    @property
    def view(self) -> MessageView:
        """The row beside it."""
        return self.query_one(MessageView)

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def show_line(self, line: int) -> None:
        """Go to a line of the file, once the index has come there."""
        if self._dataset is None or line > self._dataset.dataset.row_count:
            self._start_line = line
        else:
            self.rows.go_to_original(line)

    @property
    def dataset(self) -> EditedDataset | None:
        """The open file with its changes, or None."""
        return self._dataset

    def open_file(self, *, resume: bool = False, line: int = 1) -> None:
        """Open the file; its first rows show at once, the index follows.

        Args:
            resume: Lay the changes of an earlier time over it.
            line: Where the cursor goes.

        Raises:
            TunedeckError: As `EditedDataset.open`.
        """
        from tui.datasets.edits import EditedDataset  # the readers are not needed before a file is opened

        self.take_dataset(EditedDataset.open(self._path, resume=resume), line)

    def take_dataset(self, dataset: EditedDataset, line: int = 1) -> None:
        """Show a file that was just opened, in place of the one before it.

        Args:
            dataset: The file with its changes.
            line: Where the cursor goes.
        """
        from tui.datasets.row_facts import format_of

        if self._dataset is not None:
            self._dataset.close()
        self._dataset = dataset
        self._looks_like = format_of(dataset.dataset)
        self._format = self.services.formats.of(self._path) or self._looks_like
        self._start_line = line
        self._opened_with = None
        self.show_state("grown", ())
        self.rows.show_view(None)
        self.rows.show_dataset(dataset, self._format)
        self.dataset_opened(dataset, self._format)
        self.build_index()
        self.show_title()
        self.show_row()
        self.refresh_bindings()

    @property
    def _is_format_chosen(self) -> bool:
        return self.services.formats.of(self._path) is not None

    def follow_format(self) -> None:
        """Read the rows as what Check was told meanwhile that they are."""
        dataset, wanted = self._dataset, self.services.formats.of(self._path) or self._looks_like
        if dataset is None or wanted is None or wanted is self._format:
            return
        self._format = wanted
        self.rows.show_dataset(dataset, wanted)
        self.format_changed(wanted)
        self.show_title()
        self.show_row()

    def format_changed(self, dataset_format: DatasetFormat) -> None:
        """Take note that the same rows are read as another format now."""

    def dataset_opened(self, dataset: EditedDataset, dataset_format: DatasetFormat) -> None:
        """Take note of the file that is open now."""

    def on_unmount(self) -> None:
        """Close the file; what is not saved stays in its journal."""
        if self._dataset is not None:
            self._dataset.close()

    # The index, in a thread

    @work(thread=True, group="index", exclusive=True, exit_on_error=False, description="find every row")
    def build_index(self) -> None:
        """Find every line, and say how far it is four times a second."""
        worker, dataset = get_current_worker(), self._dataset
        if dataset is None:
            return
        next_post = 0.0

        def tell_progress(_done: int, _total: int) -> None:
            nonlocal next_post
            if time.monotonic() >= next_post:
                next_post = time.monotonic() + SECONDS_BETWEEN_POSTS
                self.post_from_thread(self._index_grew)

        try:
            dataset.build_index(tell_progress, lambda: worker.is_cancelled)
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
        self.post_from_thread(self._index_grew)

    def _index_grew(self) -> None:
        rows = self.rows
        if self._dataset is not None and self._dataset.index_complete:
            self._number_far_rows()
        if not rows.has_view and rows.far is None:
            rows.items_appended()
        if self._start_line > 1 and rows.item_count() >= self._start_line and rows.far is None:
            rows.go_to_line(self._start_line)
            self._start_line = 1
        self._tell_growth()
        self.show_title()
        if rows.cursor == 0 or (self._dataset is not None and self._dataset.index_complete):
            self.show_row()
        self.refresh_bindings()

    def _tell_growth(self) -> None:
        dataset = self._dataset
        if dataset is None or not dataset.index_complete:
            return
        lines = dataset.dataset.row_count
        if self._opened_with is None:
            self._opened_with = lines
        elif lines > self._opened_with:
            new = plural(lines - self._opened_with, "line")
            self.show_state("grown", [(f"the file grew by {new}", "muted")])

    def _number_far_rows(self) -> None:
        """Turn rows that were counted from the end into rows with numbers, the cursor on the same one."""
        rows = self.rows
        if rows.far is None or self._dataset is None:
            return
        offset = rows.far.spans[rows.cursor][0]
        number = self._dataset.dataset.number_at(offset)
        rows.show_far(None)
        rows.go_to_line(number or self._dataset.row_count)

    @on(RowList.EndWanted)
    def go_to_end(self) -> None:
        """Go to the end of the file, known or not."""
        self.go_far(None)

    def go_far(self, share: float | None) -> None:
        """Go to the end (None) or to a share of the file, whether or not the index has come there."""
        dataset, rows = self._dataset, self.rows
        if dataset is None:
            return
        if rows.has_view or dataset.index_complete or dataset.changes.total:
            count = rows.item_count()
            rows.cursor = count - 1 if share is None else min(count - 1, int(count * share))
            return
        from tui.datasets.far_rows import last_rows, rows_at

        try:
            rows.show_far(last_rows(dataset.dataset) if share is None else rows_at(dataset.dataset, share))
        except TunedeckError as error:
            self.tell_error(error)

    # The file itself

    def watch_file(self) -> None:
        """Look once a second whether the file is still what it was."""
        self.set_interval(_SECONDS_BETWEEN_LOOKS, self.look_at_file)

    def look_at_file(self) -> None:
        """Take in what was added to the file; say what else became of it, once."""
        from tui.datasets.watch_file import FileChange, change_words

        if self._dataset is None or "file" in self._state or self.is_saving:
            return
        change = self._dataset.dataset.look_for_change()
        if change is FileChange.NONE:
            return
        what, remedy = change_words(change, self._path)
        if change is FileChange.GREW:
            self._dataset.dataset.follow_growth()
            self.rows.forget_previews()
            self.build_index()
            self.file_grew()
            return
        self.show_state("file", [(safe_line(f"{what} {remedy}", 200), "warning")])
        self.tell(remedy, title=what, severity="warning")

    def file_grew(self) -> None:
        """Forget what was found out about the file as it was."""

    # Lines around the panes

    def show_title(self) -> None:
        """Say how long the file is and what it holds."""
        if self._dataset is None:
            return
        so_far = "" if self._dataset.index_complete else " so far"
        lines = f"{self._dataset.row_count:,} lines{so_far}"
        if self._is_format_chosen:  # first: a narrow pane cuts the rest
            parts = [lines, f"read as {self._format}", size(self._dataset.size)]
        else:
            parts = [lines, size(self._dataset.size), str(self._format or "")]
        self.rows.border_subtitle = Content(" · ".join([*parts, *self.title_facts()]))
        self._show_edits()

    def title_facts(self) -> list[str]:
        """Return what else is known of the file."""
        return []

    def _show_edits(self) -> None:
        words = self.change_words() if self._dataset is not None and self._dataset.is_changed else []
        self.show_state("edits", [(f"{', '.join(words)}: not saved", "warning")] if words else ())

    def change_words(self) -> list[str]:
        """Return what was changed, in words; safe to show."""
        return []

    # The row

    @on(LineList.Moved, "#rows")
    def show_row_under_cursor(self) -> None:
        """Draw the row the cursor is on."""
        self.show_row()

    def show_row(self) -> None:
        """Draw the row the cursor is on: as a conversation, or as JSON."""
        view, rows = self.view, self.rows
        if self._dataset is None or self._format is None:
            return
        if not rows.item_count():
            view.border_title = view.border_subtitle = ""
            self._drawn = None
            view.show_note(rows.empty_text if rows.has_view else "")
            return
        try:
            row = rows.row()
        except TunedeckError as error:  # the file changed or went away under us
            self._drawn = None
            view.show_note(str(error))
            return
        if row is None:
            self._drawn = None
            view.show_note("This row was deleted; u brings it back.")
            return
        self._draw(row)

    def _draw(self, row: Row) -> None:
        from tui.datasets.conversation import conversation

        view, who = self.view, self.rows.identity
        view.border_title = self._row_title(row)
        findings, path = self.findings_of(who)
        found = self.found_in(who, row)
        view.border_subtitle = _LOOKS[self._look]
        drawn = row.raw, row.error, self._look, self._format, findings, path, found
        if drawn == self._drawn:
            return  # a long row takes a tenth of a second, and where it was scrolled to would be lost
        self._drawn = drawn
        is_raw = self._look != CONVERSATION
        turns = () if is_raw or row.error or self._format is None else conversation(row, self._format)
        if turns:
            view.show_turns(turns, findings, found)
        else:
            view.show_raw(row, findings, found, path, as_it_is=self._look == AS_IT_IS)

    def _row_title(self, row: Row) -> str:
        if row.line:
            return f"line {row.line:,}"
        far = self.rows.far
        number = None if far is None else far.number_from_end(self.rows.cursor)
        return "line not numbered yet" if number is None else f"line {-number:,} from the end"

    def findings_of(self, who: int | None) -> tuple[Sequence[FindingLine], str | None]:
        """Return what the check says of a row, and the JSON path of the first of it."""
        return (), None

    def found_in(self, who: int | None, row: Row) -> str:
        """Return the text that a search found in a row; empty when none did."""
        return ""

    def count_words(self, count: int, noun: str = "row") -> str:
        """Return `3 of 90 rows`."""
        whole = self._dataset.row_count if self._dataset is not None else count
        return f"{count:,} of {plural(whole, noun)}"
