"""Writes an edited dataset: whole stretches of the file byte by byte, changed rows between them."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from tui.datasets.atomic import new_file
from tui.datasets.edits.changing import Editor
from tui.datasets.edits.fingerprint import Fingerprint
from tui.datasets.files import changed_error
from tui.datasets.source import Dataset
from tui.errors import ExitCode, TunedeckError

_COPIED_AT_ONCE = 4 << 20

RowContent: TypeAlias = Callable[[int], bytes]
"""Identity of a row -> its bytes, safe to ask while others read."""


@dataclass(frozen=True, slots=True)
class SaveResult:
    """What was written."""

    target: Path
    rows: int
    bytes: int


class _Writer:
    """Writes rows so that each has its line end and only the file's own last row may lack one."""

    def __init__(
        self,
        dataset: Dataset,
        editor: Editor,
        content: RowContent,
        file: BinaryIO,
        on_progress: Callable[[int, int], None] | None,
        cancelled: Callable[[], bool],
    ) -> None:
        self._dataset = dataset
        self._editor = editor
        self._content = content
        self._file = file
        self._on_progress = on_progress
        self._cancelled = cancelled
        self._newline = _usual_line_end(dataset)
        self._owed = b""
        self.rows = 0
        self.bytes = 0

    def all(self) -> None:
        touched = sorted(who for who in self._editor.state.contents if who > 0)
        rows = self._dataset.row_count
        for first, length in self._editor.state.order.runs():
            if first < 0:
                self._changed(first, self._newline)
                continue
            last = min(first + length - 1, rows)
            for who in touched[bisect_left(touched, first) : bisect_left(touched, last + 1)]:
                self._stretch(first, who - 1)
                self._changed(who, _line_end(self._dataset, who))
                first = who + 1
            self._stretch(first, last)

    def _stretch(self, first: int, last: int) -> None:
        """Copy lines of the file as they are."""
        if first > last:
            return
        start, end = self._dataset.span(first)[0], self._dataset.span(last)[1]
        while start < end:
            part = self._dataset.read_bytes(start, min(_COPIED_AT_ONCE, end - start))
            self._write(part)
            start += len(part)
        self.rows += last - first + 1
        self._owe(last)

    def _changed(self, who: int, line_end: bytes) -> None:
        self._write(self._content(who) + line_end)
        self.rows += 1
        if who > 0:
            self._owe(who)

    def _owe(self, last: int) -> None:
        """The file's last line may have no end; it needs one as soon as something follows it."""
        if last == self._dataset.row_count and not _line_end(self._dataset, last):
            self._owed = self._newline

    def _write(self, data: bytes) -> None:
        if self._cancelled():
            raise TunedeckError("Saving was stopped.", "Nothing was written.", exit_code=ExitCode.INTERRUPTED)
        data = self._owed + data
        self._owed = b""
        self._file.write(data)
        self.bytes += len(data)
        if self._on_progress:
            self._on_progress(self.bytes, max(self.bytes, self._dataset.size))


def _line_end(dataset: Dataset, line: int) -> bytes:
    start, end = dataset.span(line)
    tail = dataset.read_bytes(max(start, end - 2), min(2, end - start))
    if not tail.endswith(b"\n"):
        return b"\r" if tail.endswith(b"\r") else b""
    return b"\r\n" if tail == b"\r\n" else b"\n"


def _usual_line_end(dataset: Dataset) -> bytes:
    """Return the first line's, for new rows."""
    return b"\r\n" if _line_end(dataset, 1).startswith(b"\r") else b"\n"


def save_rows(
    dataset: Dataset,
    editor: Editor,
    content: RowContent,
    target: Path,
    overwrite: bool,
    on_progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool],
) -> SaveResult:
    """Write all rows to a new file; see `EditedDataset.save`."""
    if target.exists() and os.path.samefile(target, dataset.path):
        raise TunedeckError(f"{target} is the file itself.", "Save in place, or choose another name.")
    with new_file(target, overwrite=overwrite) as file:
        writer = _Writer(dataset, editor, content, file, on_progress, cancelled)
        writer.all()
        _check_same(dataset)
    return SaveResult(target, writer.rows, writer.bytes)


def save_in_place(
    dataset: Dataset,
    editor: Editor,
    content: RowContent,
    on_progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool],
) -> SaveResult:
    """Replace the file; see `EditedDataset.save_in_place`."""
    target = Path(os.path.realpath(dataset.path))  # a link stays a link
    with new_file(target, overwrite=True, like=target) as file:
        writer = _Writer(dataset, editor, content, file, on_progress, cancelled)
        writer.all()
        file.flush()
        editor.note_replacing(Fingerprint.of(Path(file.name)))
        _check_same(dataset)
    return SaveResult(dataset.path, writer.rows, writer.bytes)


def _check_same(dataset: Dataset) -> None:
    """Reading the first byte compares the file with what was opened."""
    try:
        dataset.read_bytes(0, 1)
    except TunedeckError as error:
        raise TunedeckError(
            changed_error(dataset.path).message,
            "Nothing was written, and your changes are kept. Put the old file back, or write the changed "
            "rows to a file of their own.",
        ) from error
