"""Tables in text files: commas, semicolons, tabs; quoted cells with line ends in them; one row at a time."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence

from tui.datasets.convert.encodings import bad_byte_reason, find_encoding, named_encoding, text_stream
from tui.datasets.convert.losses import BadRow
from tui.datasets.convert.records import MAX_CELL_CHARACTERS, Record, SourceFacts, SourceOptions, Tick
from tui.errors import TunedeckError
from tui.safe_text import safe_line

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SAMPLE_CHARACTERS = 1 << 18
_SAMPLE_ROWS = 50


class CsvSource:
    """A table of text cells.

    Args:
        stream: The open file.
        size: Its bytes.
        options: Encoding, delimiter and header, where the person said so.
        tick: Told of progress.
        is_tsv: The name says that tabs separate the cells.
    """

    def __init__(
        self, stream: io.FileIO, size: int, options: SourceOptions, tick: Tick, *, is_tsv: bool
    ) -> None:
        encoding = named_encoding(options.encoding) if options.encoding else find_encoding(stream)
        self._text = text_stream(stream, size, encoding, tick)
        self._options = options
        sample = _sample(stream, encoding.codec)
        first_line = sample.split("\n", 1)[0].strip().strip('"')
        self._has_separator_line = first_line.startswith("sep=") and len(first_line) == 5
        self._delimiter = options.delimiter or (
            first_line[4] if self._has_separator_line else _find_delimiter(sample, is_tsv=is_tsv)
        )
        named = _DELIMITERS.get(self._delimiter, safe_line(f'"{self._delimiter}"', 20))
        self.facts = SourceFacts(f"table separated by {named}, {encoding.label}")
        if encoding.guess:
            self.facts.notes.append(encoding.guess)

    def records(self) -> Iterator[Record | BadRow]:
        """Yield every row under its column names; rows of another width are bad."""
        # The module keeps one limit for the whole process.
        csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL_CHARACTERS))
        rows = self._rows()
        header = self._header(rows)
        if header is None:
            return
        columns, first = header
        if first is not None:
            yield self._record(columns, *first)
        for line, row in rows:
            if isinstance(row, BadRow):
                yield row
            elif not row or row == [""]:
                self.facts.blank_rows += 1
            else:
                yield self._record(columns, line, row)

    def _rows(self) -> Iterator[tuple[int, list[str] | BadRow]]:
        """Yield (first line, cells) of each row."""
        reader = csv.reader(self._text, delimiter=self._delimiter, strict=True)
        if self._has_separator_line:
            next(reader, None)
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield line, BadRow.of(line, _csv_reason(str(error), line, reader.line_num))
                continue
            yield line, row

    def _header(
        self, rows: Iterator[tuple[int, list[str] | BadRow]]
    ) -> tuple[list[str], tuple[int, list[str]] | None] | None:
        for line, row in rows:
            if isinstance(row, BadRow):
                raise TunedeckError(
                    f"The header of the table can't be read: {row.reason}.",
                    "Name the encoding with --encoding or the separator with --delimiter.",
                )
            if not row or row == [""]:
                continue
            if not self._options.has_header:
                return [f"column {number}" for number in range(1, len(row) + 1)], (line, row)
            for cell in row:
                if reason := bad_byte_reason(cell):
                    raise TunedeckError(
                        f"The header of the table can't be read: {reason}.",
                        "Name the encoding with --encoding.",
                    )
            columns, notes = column_names(row)
            self.facts.notes += notes
            return columns, None
        return None

    def _record(self, columns: Sequence[str], line: int, row: list[str]) -> Record | BadRow:
        if len(row) != len(columns):
            cells = "cell" if len(row) == 1 else "cells"
            return BadRow.of(line, f"{len(row)} {cells}, but the header has {len(columns)}")
        for column, cell in zip(columns, row, strict=True):
            if not cell.isascii() and (reason := bad_byte_reason(cell)):
                return BadRow.of(line, f'in column "{column}", {reason}')
        return Record(line, dict(zip(columns, row, strict=True)))


def column_names(header: Sequence[object]) -> tuple[list[str], list[str]]:
    """Return unique names for the cells of a header, and a note for each that had to be made up."""
    names: list[str] = []
    notes: list[str] = []
    for number, cell in enumerate(header, 1):
        wanted = "" if cell is None else str(cell).strip().lstrip("\ufeff")
        name = wanted or f"column {number}"
        repeat = 1
        while name in names:
            repeat += 1
            name = f"{wanted} ({repeat})"
        if name != wanted:
            was = f'a second "{wanted}"' if wanted else "without a name"
            notes.append(safe_line(f'Column {number} is {was}; it is called "{name}" here.', 200))
        names.append(name)
    return names, notes


def _sample(stream: io.FileIO, codec: str) -> str:
    data = stream.read(_SAMPLE_CHARACTERS)
    stream.seek(0)
    return data.decode(codec, "replace")


def _find_delimiter(sample: str, *, is_tsv: bool) -> str:
    """Return the delimiter that cuts most of the first rows into the same number of cells."""
    scores = {delimiter: _score(sample, delimiter) for delimiter in _DELIMITERS}
    best = max(scores, key=lambda delimiter: scores[delimiter])
    if is_tsv and scores["\t"] > 0:
        return "\t"
    return best if scores[best] > 0 else ("\t" if is_tsv else ",")


def _score(sample: str, delimiter: str) -> float:
    widths: Counter[int] = Counter()
    header = 0
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            if not row:
                continue
            header = header or len(row)
            widths[len(row)] += 1
            if sum(widths.values()) >= _SAMPLE_ROWS:
                break
    except csv.Error:
        pass
    rows = sum(widths.values())
    # As wide as the header counts; more columns break a tie.
    return 0.0 if header < 2 else widths[header] / rows + header / 10_000


def _csv_reason(words: str, first: int, last: int) -> str:
    if "unexpected end of data" in words:
        lines = last - first + 1
        swallowed = f", so that {lines:,} lines belong to it" if lines > 1 else ""
        return f"a quote opened in this row is never closed{swallowed}"
    if "field limit" in words:
        return f"a cell has more than {MAX_CELL_CHARACTERS:,} characters"
    if "expected after" in words:
        return "text follows the quote that closes a cell; a quote inside a cell is written twice"
    return f"the table can't be read here ({words})"
