"""The rows of a dataset, however many: each line is read and drawn when it comes into view."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.widgets.line_list import LineList
from tui.widgets.tones import Line, Part, Tone, fit

if TYPE_CHECKING:
    from tui.datasets.formats import DatasetFormat
    from tui.datasets.source import Dataset

Mark = Literal["error", "warning"]
_MARKS: Mapping[Mark, Part] = {"error": ("✗", "bad"), "warning": ("!", "warning")}


class RowList(LineList):
    """Line number, mark and preview of every row; grows while the index does."""

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes, empty="Reading the first lines…")
        self._dataset: Dataset | None = None
        self._format: DatasetFormat | None = None
        self._marks: Mapping[int, Mark] = {}

    def show_dataset(self, dataset: Dataset, dataset_format: DatasetFormat) -> None:
        """Show the rows of this dataset."""
        self._dataset = dataset
        self._format = dataset_format
        self.items_changed()

    def show_marks(self, marks: Mapping[int, Mark]) -> None:
        """Mark lines with errors and warnings.

        Args:
            marks: Line number from 1 -> the worst finding there.
        """
        self._marks = marks
        self.items_changed()

    @property
    def line_number(self) -> int:
        """Number of the line under the cursor, from 1."""
        return self.cursor + 1

    def go_to_line(self, number: int) -> None:
        """Put the cursor on a line, or the last one before it."""
        self.cursor = number - 1

    def item_count(self) -> int:
        """Return how many rows are known so far."""
        return self._dataset.row_count if self._dataset else 0

    def item_line(self, index: int, width: int) -> Line:
        """Return number, mark and preview of a row."""
        number = index + 1
        mark_text, mark_tone = _MARKS[self._marks[number]] if number in self._marks else (" ", "")
        gutter = max(4, len(str(self.item_count())))
        room = max(1, width - gutter - 3)
        text, tone = self._preview(number, room)
        return [(f"{number:>{gutter}} ", "muted"), (mark_text + " ", mark_tone), (fit(text, room), tone)]

    def _preview(self, number: int, width: int) -> tuple[str, Tone]:
        from tui.datasets.conversation import preview

        if self._dataset is None or self._format is None:
            return "", ""
        try:
            row = self._dataset.row(number)
        except TunedeckError as error:  # the file changed while it is open
            return safe_line(error.message, width), "bad"
        if row.error:
            return safe_line(row.raw, width), "bad"
        return preview(row, self._format, width), ""
