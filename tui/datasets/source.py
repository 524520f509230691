"""A file's rows by number, however large it is: an offset per line, and the line read when asked for."""

from __future__ import annotations

import os
import stat
import threading
from array import array
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.datasets.files import FileState, changed_error, closed_error, open_file, unreadable_error
from tui.datasets.line_ends import LineEndFinder
from tui.datasets.parsing import BYTE_ORDER_MARK, ParseProblem, parse_line
from tui.datasets.watch_file import FileChange, FileMark
from tui.errors import TunedeckError

if TYPE_CHECKING:
    import numpy

_FIRST_BLOCK = 1 << 18
_BLOCK = 1 << 20
_READ_AHEAD = 64 << 20
"""How far a line that is not indexed yet is looked for."""
SHOWN_BYTES = 8 << 20
"""Rows above it are shown by their beginning and not parsed, so that one row can't stop the screen."""
_SHOWN_BEGINNING = 1 << 16


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a dataset."""

    line: int
    """Physical line, from 1."""
    raw: str
    """The line as text, undecodable bytes replaced; not yet safe to show."""
    value: object | None
    """The parsed JSON, or None when there is an error or the line is blank."""
    error: str | None
    """Why there is no value, safe to show."""
    error_column: int | None
    """Character, from 1."""


_LONG_LINES = range(64_000, 2_000_000)
"""Bytes of lines that are worth remembering and yet leave memory."""
_last_long: tuple[bytes, tuple[Any, ParseProblem | None]] | None = None
"""The last long line that was parsed, and what came of it; nobody changes a parsed row."""


def parsed_row(number: int, line: bytes) -> Row:
    """Return a line as a row; a byte order mark before the first one is no part of it.

    Args:
        number: Of the line, from 1.
        line: Without its line end.
    """
    if number == 1:
        line = line.removeprefix(BYTE_ORDER_MARK)
    raw = line.decode("utf-8", "replace")
    if not line.strip():
        return Row(number, raw, None, None, None)
    value, problem = _parse(line)
    if problem is None:
        return Row(number, raw, value, None, None)
    return Row(number, raw, None, problem.message, problem.column)


def _parse(line: bytes) -> tuple[Any, ParseProblem | None]:
    """Parse a line; a screen asks for the long row that it shows again with each key."""
    global _last_long
    if len(line) not in _LONG_LINES:
        return parse_line(line)
    known = _last_long
    if known is None or known[0] != line:
        known = _last_long = line, parse_line(line)
    return known[1]


class Dataset:
    """An open JSONL file; every method may be called from any thread.

    Lines are numbered physically from 1, blank ones too. A file that shrinks, is rewritten or replaced while
    open makes the next read a TunedeckError; one that grows is read as it was until `follow_growth`.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor
        self._reading = threading.Lock()
        self._mark = FileMark.of(FileState.of(os.fstat(descriptor)), self._read_some)
        self.size = self._mark.state.size
        self._line_ends = array("Q")
        self._finder = LineEndFinder()
        self._scanned = 0
        self._complete = False
        self._indexing = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> Dataset:
        """Open a file at once, without scanning it.

        Raises:
            TunedeckError: It is missing, a folder, a pipe, empty, or may not be read.
        """
        with open_file(path) as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise TunedeckError(f"{path} is not a regular file.", "Save the rows to a file first.")
            if status.st_size == 0:
                raise TunedeckError(f"{path} is empty.", "Write one JSON object per line into it.")
            return cls(path, os.dup(stream.fileno()))

    def close(self) -> None:
        """Close the file; reads after it are errors."""
        with self._reading:
            descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    @property
    def row_count(self) -> int:
        """Physical lines known so far."""
        return len(self._line_ends)

    @property
    def index_complete(self) -> bool:
        """True when `row_count` is the number of lines of the whole file."""
        return self._complete

    def build_index(
        self,
        on_progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Find every line, in a worker thread; other methods may be used meanwhile.

        Args:
            on_progress: Called with (bytes scanned, bytes in all) after each megabyte.
            cancelled: Asked after each megabyte; True ends the scan, which may be continued later.

        Raises:
            TunedeckError: The file changed.
        """
        while not self._complete and not cancelled():
            self._index_block()
            if on_progress:
                on_progress(self._scanned, self.size)

    def look_for_change(self) -> FileChange:
        """Say what became of the file since it was opened or last followed; quick, once a second is fine."""
        return self._mark.compare(self.path, self._read_some)

    def follow_growth(self) -> bool:
        """Take in what was added at the file's end; `build_index` finds its lines.

        Returns:
            True when there was something.
        """
        with self._indexing:
            if self.look_for_change() is not FileChange.GREW or self._descriptor is None:
                return False
            if self._complete and self._line_ends[-1] == self.size:
                self._line_ends.pop()  # a last line without its line end may go on
            mark = FileMark.of(FileState.of(os.fstat(self._descriptor)), self._read_some)
            self._complete = False
            self.size, self._mark = mark.state.size, mark
        return True

    def line_end_offsets(self) -> numpy.ndarray[Any, numpy.dtype[numpy.uint64]]:
        """Return where each line known so far ends, its line feed included."""
        import numpy

        ends = numpy.array(self._line_ends, dtype=numpy.uint64)
        ends += numpy.uint64(1)
        return ends.clip(max=numpy.uint64(self.size))

    def number_at(self, offset: int) -> int | None:
        """Return the number of the line that holds a byte; None while the index has not come there."""
        if not self._complete and offset >= self._scanned:
            return None
        number = bisect_left(self._line_ends, offset) + 1
        return number if number <= len(self._line_ends) else None

    def row_between(self, start: int, end: int, number: int) -> Row:
        """Return what stands between two bytes as a row, for places that the index has not come to.

        Raises:
            TunedeckError: The file changed.
        """
        if end - start > SHOWN_BYTES:
            beginning = self._read(start, _SHOWN_BEGINNING).decode("utf-8", "replace")
            size = f"{(end - start) / 1_000_000:,.0f} MB"
            return Row(number, beginning, None, f"This line has {size}; only its beginning is shown.", None)
        return parsed_row(number, self._read(start, end - start).removesuffix(b"\r"))

    def line(self, number: int) -> bytes:
        """Return a physical line without its line end.

        Raises:
            TunedeckError: There is no such line, it is not found yet, or the file changed.
        """
        start, end = self._span(number)
        return self._read(start, end - start).removesuffix(b"\r")

    def span(self, number: int) -> tuple[int, int]:
        """Return where a physical line starts and where the next one does, in bytes; its line end is in it.

        Raises:
            TunedeckError: There is no such line, or it is not found yet.
        """
        start, end = self._span(number)
        return start, min(end + 1, self.size)

    def read_bytes(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes from an offset.

        Raises:
            TunedeckError: The file changed.
        """
        return self._read(offset, length)

    def row(self, number: int) -> Row:
        """Return a parsed line; a row above 8 MB has only its beginning and an error that says so.

        Raises:
            TunedeckError: As `line`.
        """
        return self.row_between(*self._span(number), number)

    def _span(self, number: int) -> tuple[int, int]:
        if number > len(self._line_ends):
            self._look_ahead(number)
        if not 1 <= number <= len(self._line_ends):
            raise TunedeckError(f"{self.path} has no line {number:,}.")
        start = self._line_ends[number - 2] + 1 if number > 1 else 0
        return start, self._line_ends[number - 1]

    def _look_ahead(self, number: int) -> None:
        limit = self._scanned + _READ_AHEAD
        while not self._complete and number > len(self._line_ends):
            if self._scanned >= limit:
                raise TunedeckError(
                    f"Line {number:,} of {self.path} is not found yet.", "Wait for the index."
                )
            self._index_block()

    def _index_block(self) -> None:
        with self._indexing:
            if self._complete:
                return
            wanted = min(_BLOCK if self._scanned else _FIRST_BLOCK, self.size - self._scanned)
            self._line_ends.extend(self._ends_in_block(wanted))
            self._scanned += wanted
            if self._scanned >= self.size:
                self._finish_index()

    def _ends_in_block(self, length: int) -> array[int]:
        if not self._scanned:
            # The first rows are wanted at once, and numpy takes 80 ms to import.
            block = self._read(0, length)
            return array("Q", (at for at, byte in enumerate(block) if byte == 0x0A))
        return self._finder.find(self._read_into, self._scanned, length)

    def _finish_index(self) -> None:
        last_end = self._line_ends[-1] if self._line_ends else -1
        if last_end + 1 < self.size:
            self._line_ends.append(self.size)
        self._complete = True
        self._finder.forget()

    def _read_into(self, memory: memoryview, offset: int) -> None:
        """Fill memory with the file's bytes, or raise because the file is not what it was."""
        if not hasattr(os, "preadv"):
            memory[:] = self._read(offset, len(memory))
            return
        try:
            with self._reading:
                if self._descriptor is None:
                    raise closed_error(self.path)
                done = os.preadv(self._descriptor, [memory], offset)
            if done == len(memory):
                self._check_unchanged()
                return
        except OSError as error:
            raise unreadable_error(self.path, error) from error
        memory[done:] = self._read(offset + done, len(memory) - done)

    def _read(self, offset: int, length: int) -> bytes:
        """Read exactly `length` bytes, or raise because the file is not what it was."""
        try:
            parts = []
            while length > 0:
                part = self._read_some(offset, length)
                if not part:
                    raise changed_error(self.path)
                parts.append(part)
                offset += len(part)
                length -= len(part)
            self._check_unchanged()
        except OSError as error:
            raise unreadable_error(self.path, error) from error
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read_some(self, offset: int, length: int) -> bytes:
        with self._reading:
            if self._descriptor is None:
                raise closed_error(self.path)
            if hasattr(os, "pread"):
                return os.pread(self._descriptor, length, offset)
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, length)

    def _check_unchanged(self) -> None:
        try:
            state = FileState.of(os.stat(self.path))
        except FileNotFoundError:
            raise changed_error(self.path) from None
        known = self._mark.state
        grew = state.size > known.size and (state.inode, state.device) == (known.inode, known.device)
        if state != known and not grew:
            raise changed_error(self.path)
