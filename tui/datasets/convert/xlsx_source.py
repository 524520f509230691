"""Sheets of Excel workbooks as records, through openpyxl (an extra); formulas are never computed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from tui.datasets.convert.cell_values import plain_value
from tui.datasets.convert.csv_source import column_names
from tui.datasets.convert.losses import BadRow
from tui.datasets.convert.records import Record, SourceFacts, SourceOptions, Tick
from tui.errors import TunedeckError
from tui.safe_text import safe_line

_MOST_UNPACKED = 4 << 30
_MOST_SHARED_TEXT = 512 << 20
"""Texts of a workbook are held together; more than this is no sheet that somebody wrote."""
_ROWS_BETWEEN_TICKS = 200


class XlsxSource:
    """The rows of one sheet, numbered as Excel numbers them.

    Formula cells give the result that Excel stored, or, without one, the formula as text.

    Raises:
        TunedeckError: openpyxl is not installed, the file is no workbook, or there is no such sheet.
    """

    def __init__(self, stream: io.FileIO, options: SourceOptions, tick: Tick) -> None:
        try:
            import openpyxl
        except ImportError as error:
            raise TunedeckError(
                "Reading XLSX needs openpyxl, which is not installed.", "pip install 'tunedeck[xlsx]'"
            ) from error
        self._tick = tick
        self._options = options
        has_formulas = _look_inside(stream)
        try:
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
            self._sheet = _sheet(book, options.sheet)
            self._formulas: Any = None
            if has_formulas:
                formulas = openpyxl.load_workbook(stream, read_only=True, data_only=False)
                self._formulas = formulas[self._sheet.title]
        except TunedeckError:
            raise
        except Exception as error:  # openpyxl raises whatever a damaged workbook makes it stumble over
            raise _unreadable(error) from error
        others = [name for name in book.sheetnames if name != self._sheet.title]
        self.facts = SourceFacts(safe_line(f'Excel sheet "{self._sheet.title}"', 100))
        if others:
            names = ", ".join(f'"{name}"' for name in others[:10])
            self.facts.notes.append(safe_line(f"Other sheets are left out: {names}.", 300))

    def records(self) -> Iterator[Record | BadRow]:
        """Yield every row that is not blank, under its column names."""
        columns: list[str] | None = None
        total = self._sheet.max_row or 0
        for number, cells in self._rows():
            if number % _ROWS_BETWEEN_TICKS == 0:
                self._tick(number, max(total, number))
            if all(cell is None or cell == "" for cell in cells):
                self.facts.blank_rows += 1
            elif columns is None and self._options.has_header:
                columns, notes = column_names(_without_empty_end(cells))
                self.facts.notes += notes
            else:
                columns = columns or [f"column {index}" for index in range(1, len(cells) + 1)]
                yield _record(number, columns, cells)
        self._tick(total or 1, total or 1)

    def _rows(self) -> Iterator[tuple[int, list[Any]]]:
        """Yield (row number, values)."""
        try:
            rows = self._sheet.iter_rows(values_only=True)
            if self._formulas is None:
                for number, row in enumerate(rows, 1):
                    yield number, list(row)
                return
            formulas = self._formulas.iter_rows(values_only=True)
            for number, (row, with_formulas) in enumerate(zip(rows, formulas, strict=False), 1):
                yield number, [self._result(*pair) for pair in zip(row, with_formulas, strict=False)]
        except TunedeckError:
            raise
        except Exception as error:  # as above
            raise _unreadable(error) from error

    def _result(self, value: Any, formula: Any) -> Any:
        if value is None and formula is not None:
            note = (
                "Formulas without a stored result are taken as their text; save the workbook in Excel once."
            )
            if note not in self.facts.notes:
                self.facts.notes.append(note)
            return str(getattr(formula, "text", formula))
        return value


def _look_inside(stream: io.FileIO) -> bool:
    """Refuse workbooks that unpack to absurd sizes; return whether any sheet has a formula."""
    try:
        with zipfile.ZipFile(stream) as archive:
            entries = archive.infolist()
            shared = sum(entry.file_size for entry in entries if entry.filename.endswith("sharedStrings.xml"))
            if sum(entry.file_size for entry in entries) > _MOST_UNPACKED or shared > _MOST_SHARED_TEXT:
                raise TunedeckError(
                    "The workbook unpacks to more than can be read safely.", "Save the sheet as CSV."
                )
            sheets = [entry for entry in entries if entry.filename.startswith("xl/worksheets/")]
            found = any(_has_formula(archive, entry) for entry in sheets)
    except (zipfile.BadZipFile, OSError, RuntimeError, ValueError, NotImplementedError) as error:
        raise _unreadable(error) from error
    stream.seek(0)
    return found


def _has_formula(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bool:
    tail = b""
    with archive.open(entry) as part:
        while block := part.read(1 << 20):
            if b"<f>" in (text := tail + block) or b"<f " in text:
                return True
            tail = text[-3:]
    return False


def _sheet(book: Any, wanted: str | None) -> Any:
    if wanted is None:
        # A workbook may open on a chart, which has no rows.
        return next(sheet for sheet in [book.active, *book.worksheets] if hasattr(sheet, "iter_rows"))
    with suppress(KeyError):
        return book[wanted]
    names = ", ".join(book.sheetnames)
    raise TunedeckError(f'There is no sheet "{wanted}".', safe_line(f"Sheets: {names}", 300))


def _without_empty_end(cells: list[Any]) -> list[Any]:
    while cells and (cells[-1] is None or cells[-1] == ""):
        cells = cells[:-1]
    return cells


def _record(number: int, columns: list[str], cells: list[Any]) -> Record | BadRow:
    extra = _without_empty_end(cells[len(columns) :])
    if extra:
        return BadRow.of(number, f"{len(columns) + len(extra)} cells, but the header has {len(columns)}")
    padded = [*cells, *([None] * (len(columns) - len(cells)))]
    try:
        return Record(number, {name: plain_value(cell) for name, cell in zip(columns, padded, strict=False)})
    except ValueError as error:
        return BadRow.of(number, str(error))


def _unreadable(error: Exception) -> TunedeckError:
    return TunedeckError(f"The workbook can't be read: {safe_line(str(error) or repr(error), 200)}")
