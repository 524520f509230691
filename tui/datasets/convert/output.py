"""Writes rows to a file that appears whole or not at all, and never over another one unasked."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import orjson

from tui.atomic import beside, ordinary_mode, put, settle
from tui.datasets.convert.losses import RowProblem
from tui.datasets.parsing import BYTE_ORDER_MARK
from tui.errors import TunedeckError

TABLE_ENDINGS = {".csv": ",", ".tsv": "\t"}
ENDINGS = (".jsonl", ".ndjson", ".json", *TABLE_ENDINGS)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_BUFFER = 1 << 20


class RowWriter(Protocol):
    """Takes rows and writes them in one form of file."""

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write the rows of one example, all or none.

        Raises:
            RowProblem: A row can't be written as text.
        """
        ...

    def finish(self) -> None:
        """Write what ends the file."""
        ...


def json_bytes(row: dict[str, Any]) -> bytes:
    """Return a row as one line of JSON.

    Raises:
        RowProblem: It holds half a character, or is nested deeper than readers take.
    """
    try:
        return orjson.dumps(row)
    except TypeError:
        pass  # large integers and deep nesting are beyond orjson's writer
    try:
        return json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except UnicodeEncodeError as error:
        raise RowProblem("the text holds half a character (an unpaired surrogate)") from error
    except (RecursionError, ValueError, TypeError) as error:
        raise RowProblem(f"the row can't be written as JSON: {error}") from error


class LineWriter:
    """One JSON object per line."""

    def __init__(self, stream: BinaryIO, *, byte_order_mark: bool = False) -> None:
        self._stream = stream
        if byte_order_mark:
            stream.write(BYTE_ORDER_MARK)

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write rows as lines."""
        self._stream.write(b"".join([json_bytes(row) + b"\n" for row in rows]))

    def finish(self) -> None:
        """Nothing ends such a file."""


class ArrayWriter:
    """One JSON list, an object on each line."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._separator = b"[\n"

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write rows as entries."""
        for line in [json_bytes(row) for row in rows]:
            self._stream.write(self._separator + line)
            self._separator = b",\n"

    def finish(self) -> None:
        """End the list."""
        self._stream.write(b"\n]\n" if self._separator != b"[\n" else b"[]\n")


class TableWriter:
    """A table of text; lists and objects become JSON in their cell."""

    def __init__(self, stream: BinaryIO, columns: Sequence[str], delimiter: str) -> None:
        self._stream = stream
        self._columns = columns
        self._delimiter = delimiter
        self.formula_cells = 0
        """Cells that a spreadsheet program may run as formulas."""
        self._stream.write(self._line(columns))

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write rows as lines of cells."""
        lines = []
        for row in rows:
            cells = [_cell(row.get(column)) for column in self._columns]
            self.formula_cells += sum(cell.startswith(_FORMULA_STARTS) for cell in cells)
            lines.append(self._line(cells))
        self._stream.write(b"".join(lines))

    def _line(self, cells: Sequence[str]) -> bytes:
        text = io.StringIO(newline="")
        # Python before 3.13 quotes only those line ends in a cell that its own line end holds.
        csv.writer(text, delimiter=self._delimiter, lineterminator="\r\n").writerow(cells)
        try:
            return text.getvalue().removesuffix("\r\n").encode() + b"\n"
        except UnicodeEncodeError as error:
            raise RowProblem("the text holds half a character (an unpaired surrogate)") from error

    def finish(self) -> None:
        """Nothing ends such a file."""


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json_bytes(value).decode()


def refuse_target(source: Path | None, target: Path, *, force: bool) -> None:
    """Refuse a target that can't or must not be written.

    Raises:
        TunedeckError: Its ending is none of ours, it is the source, or it exists and `force` is off.
    """
    if target.suffix.lower() not in ENDINGS:
        raise TunedeckError(
            f"{target} has no ending that can be written.", f"Name it with one of {', '.join(ENDINGS)}."
        )
    try:
        if target.is_dir():
            raise TunedeckError(f"{target} is a folder.", "Name a file in it.")
        if not target.exists():
            return
        if source is not None and os.path.samefile(source, target):
            raise TunedeckError(
                f"{target} is the source itself.", "Choose another name: a source is never changed."
            )
    except OSError as error:
        raise TunedeckError(f"{target} can't be looked at: {error.strerror or error}") from error
    if not force:
        raise TunedeckError(f"{target} exists already.", "Choose another name, or overwrite it with --force.")


class NewFile:
    """A file that is being written under another name.

    Args:
        stream: From `tui.atomic.beside`.
        target: What it will be called.
        force: Whether it may take the place of another file.
    """

    def __init__(self, stream: BinaryIO, target: Path, *, force: bool) -> None:
        self.stream = stream
        self._target = target
        self._force = force

    def commit(self) -> None:
        """Let it appear under its name, on disk for good."""
        settle(self.stream)
        try:
            put(self.stream, self._target, overwrite=self._force)
        except FileExistsError as error:
            raise TunedeckError(
                f"{self._target} exists already.", "Choose another name, or use --force."
            ) from error


@contextmanager
def new_file(target: Path, *, force: bool) -> Iterator[NewFile]:
    """Give a new file, which is gone at the end unless it was committed.

    Raises:
        TunedeckError: The folder can't be written, or the target appeared meanwhile.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with beside(target, mode=ordinary_mode()) as stream:
            yield NewFile(stream, target, force=force)
    except OSError as error:
        raise TunedeckError(
            f"{target} can't be written: {error.strerror or error}.",
            "Nothing was left behind. Make room, or choose another folder.",
        ) from error
