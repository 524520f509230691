"""A table of columns that share the width: fixed ones keep theirs, one or more take what is left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from textual.message import Message

from tui.safe_text import safe_line
from tui.widgets.line_list import LineList
from tui.widgets.tones import Line, Part, Tone, fit

Cell = str | Part
"""A cell: text, or text with a tone. Passed through `safe_line` here, never read as markup."""


class Column(NamedTuple):
    """How one column is drawn.

    Args:
        title: Heading; empty for none.
        width: Columns of the terminal; 0 shares what the others leave.
        align: Numbers go right.
        tone: Tone of cells that bring none.
        drop_below: The column is left out when the table is narrower than this.
        cut: What a cell that is too long loses.
    """

    title: str
    width: int = 0
    align: Literal["left", "right"] = "left"
    tone: Tone = ""
    drop_below: int = 0
    cut: Literal["end", "middle"] = "end"


class TableRow(NamedTuple):
    """One row with the key its owner knows it by."""

    key: str
    cells: Sequence[Cell]


class Table(LineList):
    """Rows under a heading; posts `Chosen` with the row's key on enter and `Highlighted` on moves."""

    class Chosen(Message):
        """A row was opened."""

        def __init__(self, table: Table, key: str) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> Table:
            """The table, so that `@on` can tell tables apart."""
            return self.table

    class Highlighted(Message):
        """The cursor came to a row."""

        def __init__(self, table: Table, key: str) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> Table:
            """The table, so that `@on` can tell tables apart."""
            return self.table

    def __init__(
        self,
        *columns: Column,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
        empty: str = "",
        header: bool = True,
        title: str = "",
        rows: Iterable[TableRow] = (),
    ) -> None:
        super().__init__(id=id, classes=classes, empty=empty)
        self.columns = columns
        self.border_title = title or None
        # What is known before the table is mounted is drawn with the first paint, not after it.
        self._rows: list[TableRow] = list(rows)
        self._header = header and any(column.title for column in columns)

    @property
    def row_key(self) -> str | None:
        """Key of the row under the cursor, None in an empty table."""
        return self._rows[self.cursor].key if self._rows else None

    @property
    def keys(self) -> list[str]:
        """Keys of all rows in order."""
        return [row.key for row in self._rows]

    def set_rows(self, rows: Iterable[TableRow]) -> None:
        """Show these rows; the cursor stays on the row with the same key. Equal rows draw nothing."""
        new = list(rows)
        if new == self._rows:
            return
        key = self.row_key
        self._rows = new
        keys = [row.key for row in new]
        self.items_changed()
        if key is not None and key in keys:
            self.cursor = keys.index(key)

    def item_count(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def has_header(self) -> bool:
        """Say whether the headings are shown: an empty table has none."""
        return self._header and bool(self._rows)

    def header_line(self, width: int) -> Line | None:
        """Return the headings."""
        if not self.has_header():
            return None
        return self._line([(column.title, "muted") for column in self.columns], width)

    def item_line(self, index: int, width: int) -> Line:
        """Return a row's cells in their columns."""
        return self._line(self._rows[index].cells, width)

    def _line(self, cells: Sequence[Cell], width: int) -> Line:
        widths = self._widths(width)
        parts: list[Part] = []
        for column, cell, cell_width in zip(self.columns, cells, widths, strict=True):
            if cell_width <= 0:
                continue
            text, tone = (cell, column.tone) if isinstance(cell, str) else cell
            if parts:
                parts.append((" ", ""))
            parts.append((fit(safe_line(text, 500), cell_width, column.align, column.cut), tone))
        return parts

    def _widths(self, width: int) -> list[int]:
        shown = [column for column in self.columns if width >= column.drop_below]
        fixed = sum(column.width for column in shown)
        flexible = [column for column in shown if column.width == 0]
        spare = max(0, width - fixed - (len(shown) - 1))
        share, rest = divmod(spare, len(flexible)) if flexible else (0, 0)
        widths = []
        for column in self.columns:
            if column not in shown:
                widths.append(0)
            elif column.width:
                widths.append(column.width)
            else:
                widths.append(share + (1 if rest > 0 else 0))
                rest -= 1
        return widths

    def on_line_list_opened(self, message: LineList.Opened) -> None:
        """Say which row was opened."""
        message.stop()
        self.post_message(self.Chosen(self, self._rows[message.index].key))

    def on_line_list_moved(self, message: LineList.Moved) -> None:
        """Say which row the cursor is on."""
        message.stop()
        if message.index < len(self._rows):
            self.post_message(self.Highlighted(self, self._rows[message.index].key))
