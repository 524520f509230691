"""The rows of a dataset, however many: each line is read and drawn when it comes into view."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from textual.cache import LRUCache
from textual.message import Message

from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.widgets.line_list import LineList
from tui.widgets.tones import Line, Part, Tone, fit

if TYPE_CHECKING:
    from tui.datasets.edits import EditedDataset
    from tui.datasets.far_rows import FarRows
    from tui.datasets.formats import DatasetFormat
    from tui.datasets.source import Row

Mark = Literal["error", "warning"]
_MARKS: Mapping[Mark, Part] = {"error": ("✗", "bad"), "warning": ("!", "warning")}
_NO_MARK: Part = (" ", "")
_STATES: Mapping[str, Part] = {"edited": ("~", "accent"), "inserted": ("+", "good"), "unchanged": (" ", "")}
_MARKED: Part = ("*", "accent")


class RowList(LineList):
    """Number, signs and preview of every row; grows while the index does.

    Shows all rows, or a view of some of them in any order, or rows far from the beginning that the index has
    not come to. Views and marks name lines of the file: they stay true while rows are moved and deleted.
    """

    class EndWanted(Message):
        """The end of the file was asked for, which may be far beyond the rows that are known so far."""

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes, empty="Reading the first lines…")
        self._dataset: EditedDataset | None = None
        self._format: DatasetFormat | None = None
        self._marks: Mapping[int, Mark] = {}
        self._view: Any = None
        """A numpy array of line numbers, or None for all rows."""
        self._order: Any = None
        """Who stands at each place, of the state of the dataset that follows."""
        self._order_of: tuple[int, int] | None = None
        """Version of the dataset, and its rows."""
        self._far: FarRows | None = None
        self._previews: LRUCache[tuple[int, int], tuple[str, Tone]] = LRUCache(1024)
        """(line of the file, width) -> its preview: a row of megabytes is not parsed for every redraw."""

    def forget_previews(self) -> None:
        """Draw every row from the file again, which is not what it was."""
        self._previews.clear()
        self.items_changed()

    def show_dataset(self, dataset: EditedDataset, dataset_format: DatasetFormat) -> None:
        """Show the rows of this dataset."""
        self._dataset = dataset
        self._format = dataset_format
        self.forget_previews()

    def show_marks(self, marks: Mapping[int, Mark]) -> None:
        """Mark rows with errors and warnings.

        Args:
            marks: Line of the file, negative for a new row -> the worst finding there.
        """
        self._marks = marks
        self.items_changed()

    def show_view(self, lines: Any, *, empty: str = "") -> None:
        """Show these lines in this order, or all rows, with the cursor on the row it was on if that is there.

        Args:
            lines: A numpy array of lines of the file, new rows by their negative numbers; None shows all.
            empty: What is said when there are none.
        """
        here = self.identity
        self._view, self._far = lines, None
        self.empty_text = empty
        self.items_changed()
        self.cursor = self._index_of(here) if here is not None else 0
        self.refresh()

    def show_far(self, far: FarRows | None) -> None:
        """Show rows whose numbers are not known yet, or go back to those that are."""
        self._far = far
        self.items_changed()
        if far is not None:
            self.cursor = far.cursor
            self.post_message(self.Moved(self, self.cursor))

    @property
    def far(self) -> FarRows | None:
        """Rows far from the beginning, while they are shown."""
        return self._far

    @property
    def has_view(self) -> bool:
        """True when not all rows are shown, or in another order."""
        return self._view is not None

    # Numbers and places

    def number(self, index: int) -> int | None:
        """Return the number of the row at an index of the list; None when it was deleted or is not known."""
        if self._far is not None or self._dataset is None:
            return None
        if self._view is None:
            return index + 1
        return self._dataset.number_of(int(self._view[index])) if index < len(self._view) else None

    @property
    def line_number(self) -> int:
        """Number of the row under the cursor, from 1; 0 when it is not known or there is none."""
        return (self.number(self.cursor) or 0) if self.item_count() else 0

    @property
    def original_line(self) -> int | None:
        """Line of the file that the row under the cursor is, or was; None for a new one."""
        who = self.identity
        return who if who is not None and who > 0 else None

    @property
    def identity(self) -> int | None:
        """Line of the file that the row under the cursor is, or was; a new one's own negative number."""
        if self._dataset is None or not self.item_count() or self._far is not None:
            return None
        if self._view is not None:
            return int(self._view[self.cursor])
        try:
            return self._dataset.identity(self.cursor + 1)
        except TunedeckError:
            return None

    def row(self) -> Row | None:
        """Return the row under the cursor, or None when there is none.

        Raises:
            TunedeckError: The file changed.
        """
        if self._dataset is None or not self.item_count():
            return None
        if self._far is not None:
            return self._far.row(self._dataset.dataset, self.cursor)
        number = self.number(self.cursor)
        return None if number is None else self._dataset.row(number)

    def go_to_line(self, number: int) -> None:
        """Put the cursor on a row by its number, or on the nearest that is shown."""
        if self._far is not None:
            self.show_far(None)
        if self._view is None or self._dataset is None:
            self.cursor = number - 1
            return
        try:
            self.cursor = self._index_of(self._dataset.identity(number))
        except TunedeckError:
            return

    def go_to_original(self, line: int) -> None:
        """Put the cursor on a line of the file, wherever it stands now."""
        if self._far is not None:
            self.show_far(None)
        self.cursor = self._index_of(line)

    def _index_of(self, line: int) -> int:
        """Return where a row stands in the list; the place of the next line when it is not there."""
        if self._view is None:
            number = self._dataset.number_of(line) if self._dataset is not None else None
            return (number or line) - 1
        found = (self._view == line).nonzero()[0]
        if len(found):
            return int(found[0])
        later = (self._view > line).nonzero()[0]
        return int(later[0]) if len(later) else max(0, len(self._view) - 1)

    def step_among(self, lines: Sequence[int], direction: int) -> int | None:
        """Return the index of the next (1) or previous (-1) row that is among some.

        Args:
            lines: Lines of the file, new rows by their negative numbers; ascending, may grow meanwhile.
            direction: 1 or -1.
        """
        if self._view is not None:
            return self._step_in(self._view, lines, direction)
        if (order := self._own_order()) is not None:
            return self._step_in(order, lines, direction)
        here = self.identity or self.cursor + 1
        at = bisect_right(lines, here) if direction > 0 else bisect_left(lines, here) - 1
        while 0 <= at < len(lines):
            number = self._dataset.number_of(lines[at]) if self._dataset is not None else None
            if number is not None:
                return number - 1
            at += direction
        return None

    def _own_order(self) -> Any:
        """Return who stands at each place; None while no row is new or moved, as line follows line then."""
        dataset = self._dataset
        if dataset is None or not (dataset.changes.inserted or dataset.changes.moved):
            return None
        state = dataset.version, dataset.row_count
        if self._order_of != state:
            self._order_of, self._order = state, dataset.order()
        return self._order

    def _step_in(self, order: Any, lines: Sequence[int], direction: int) -> int | None:
        import numpy

        # A copy: an array that numpy looks into can't grow, and the search that fills it would end there.
        wanted = numpy.asarray(lines[:], dtype=numpy.int64)
        places = numpy.flatnonzero(numpy.isin(order, wanted))
        later = places[places > self.cursor] if direction > 0 else places[places < self.cursor][::-1]
        return int(later[0]) if len(later) else None

    def action_cursor_first(self) -> None:
        """Move to the first row of what is shown; from rows far from the beginning, to that."""
        if self._far is not None:
            self.show_far(None)
        super().action_cursor_first()

    def action_cursor_last(self) -> None:
        """Ask for the end of the file instead of the last row that is known."""
        self.post_message(self.EndWanted())

    # Drawing

    def item_count(self) -> int:
        """Return how many rows are known so far."""
        if self._dataset is None:
            return 0
        if self._far is not None:
            return len(self._far)
        return len(self._view) if self._view is not None else self._dataset.row_count

    def item_line(self, index: int, width: int) -> Line:
        """Return number, signs and preview of a row."""
        if self._dataset is None or self._format is None:
            return ()
        gutter = max(4, len(str(self._dataset.row_count)))
        room = max(1, width - gutter - 4)
        number = self.number(index)
        if self._far is not None:
            counted = self._far.number_from_end(index)
            text, tone = self._far_preview(index, room)
            shown = str(counted) if counted is not None else "·"
            return [(f"{shown:>{gutter}}    ", "muted"), (fit(text, room), tone)]
        if number is None:
            return [(" " * (gutter + 4), ""), (fit("(deleted)", room), "muted")]
        text, tone = self._preview(number, room)
        finding, state = self._signs(number)
        return [(f"{number:>{gutter}} ", "muted"), finding, state, (f" {fit(text, room)}", tone)]

    def _signs(self, number: int) -> tuple[Part, Part]:
        assert self._dataset is not None
        try:
            who = self._dataset.identity(number)
            state = _STATES[self._dataset.state(number).value]
            if self._dataset.is_marked(number):
                state = _MARKED
        except TunedeckError:
            return _NO_MARK, _NO_MARK
        return _MARKS[self._marks[who]] if who in self._marks else _NO_MARK, state

    def _preview(self, number: int, width: int) -> tuple[str, Tone]:
        dataset = self._dataset
        assert dataset is not None
        try:
            if dataset.state(number) != "unchanged":
                return self._row_preview(dataset.row(number), width)
            key = (dataset.original_number(number) or 0, width)
            if key not in self._previews:
                self._previews[key] = self._row_preview(dataset.row(number), width)
            return self._previews[key]
        except TunedeckError as error:  # the file changed while it is open
            return safe_line(error.message, width), "bad"

    def _far_preview(self, index: int, width: int) -> tuple[str, Tone]:
        assert self._dataset is not None
        assert self._far is not None
        try:
            return self._row_preview(self._far.row(self._dataset.dataset, index), width)
        except TunedeckError as error:
            return safe_line(error.message, width), "bad"

    def _row_preview(self, row: Row, width: int) -> tuple[str, Tone]:
        from tui.datasets.conversation import preview

        assert self._format is not None
        if row.error:
            return safe_line(row.raw, width), "bad"
        return preview(row, self._format, width), ""
