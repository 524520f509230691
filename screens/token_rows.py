"""Reads a file's rows and turns one into tokens, in threads, for the screen that draws them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message
from textual.worker import get_current_worker

from screens.greyed_keys import GreyedKeys
from tui.errors import TunedeckError
from tui.money.catalog import CatalogModel
from tui.widgets.token_text import AT_ONCE, TokenText

if TYPE_CHECKING:
    from tui.datasets.formats import DatasetFormat
    from tui.datasets.row_source import RowSource
    from tui.datasets.source import Dataset, Row
    from tui.datasets.token_ids import TokenReader
    from tui.datasets.token_view import TokenView
    from tui.widgets.token_lines import TokenLines

_SECONDS_BETWEEN_POSTS = 0.25


class TokenRows(GreyedKeys, inherit_bindings=False):
    """A screen with one row's tokens."""

    @dataclass
    class LaidOut(Message):
        """A row's tokens are there."""

        line: int
        model: CatalogModel
        view: TokenView
        reader: TokenReader

    @dataclass
    class Refused(Message):
        """A row has no tokens to show."""

        line: int
        error: TunedeckError

    def __init__(self, path: Path, line: int, model: str, rows: RowSource | None) -> None:
        super().__init__()
        self._path = path
        self._line = line
        self._wanted_model = model
        self._model: CatalogModel | None = None
        self._rows = rows
        self._own: Dataset | None = None
        self._format: DatasetFormat | None = None
        self._reader: TokenReader | None = None

    @property
    def text(self) -> TokenText:
        """The tokens."""
        return self.query_one(TokenText)

    def open_rows(self) -> None:
        """Open the file where that is not done yet, and find the format of its rows.

        Raises:
            TunedeckError: It can't be read.
        """
        from tui.datasets.source import Dataset  # the readers are not needed before a file is opened
        from tui.datasets.token_line import file_format

        dataset = Dataset.open(self._path)
        self._format = self.services.formats.of(self._path) or file_format(dataset)
        if self._rows is None:
            self._rows = self._own = dataset
            self.build_index(dataset)
        else:
            dataset.close()

    def on_unmount(self) -> None:
        """Close the file that was opened here."""
        if self._own is not None:
            self._own.close()

    def show_line(self, line: int) -> None:
        """Show another row."""
        raise NotImplementedError

    # The index, in a thread

    @work(thread=True, group="index", exclusive=True, exit_on_error=False, description="find every row")
    def build_index(self, dataset: Dataset) -> None:
        """Find every line; the one that is asked for is shown as soon as it is known."""
        worker = get_current_worker()
        waited = dataset.row_count < self._line

        def tell(_done: int, _total: int) -> None:
            nonlocal waited
            if waited and dataset.row_count >= self._line:
                waited = False
                self.post_from_thread(self.show_line, self._line)

        try:
            dataset.build_index(tell, lambda: worker.is_cancelled)
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
        if waited:
            self.post_from_thread(self.show_line, self._line)
        self.post_from_thread(self.refresh_bindings)

    @work(thread=True, group="row", exclusive=True, exit_on_error=False, description="lay out a row")
    def lay_out(
        self,
        row: Row,
        line: int,
        dataset_format: DatasetFormat,
        model: CatalogModel,
        known: TokenReader | None,
    ) -> None:
        """Turn a row into tokens; posts `LaidOut` or `Refused`.

        Args:
            row: The row.
            line: Its number.
            dataset_format: Of the file.
            model: Whose tokens.
            known: How that model reads, when it was opened before.
        """
        from tui.datasets.token_line import view_of_row
        from tui.jobs.local_rows import row_limit, vocabulary_of

        worker = get_current_worker()
        try:
            reader = known or vocabulary_of(model)
            view = view_of_row(row, line, dataset_format, reader, row_limit(model, reader))
        except TunedeckError as error:
            if not worker.is_cancelled:
                self.post_message(self.Refused(line, error))
            return
        if not worker.is_cancelled:
            self.post_message(self.LaidOut(line, model, view, reader))

    @on(TokenText.Unfinished)
    def finish_lines(self, message: TokenText.Unfinished) -> None:
        """Have the rest of a long row broken into lines."""
        self._break_lines(message.lines)

    @work(
        thread=True, group="lines", exclusive=True, exit_on_error=False, description="break a row into lines"
    )
    def _break_lines(self, lines: TokenLines) -> None:
        worker, next_post = get_current_worker(), 0.0
        while not lines.is_complete and not worker.is_cancelled:
            lines.extend(AT_ONCE)
            if time.monotonic() >= next_post:
                next_post = time.monotonic() + _SECONDS_BETWEEN_POSTS
                self.post_from_thread(self.text.lines_grew)
        self.post_from_thread(self.text.lines_grew)
