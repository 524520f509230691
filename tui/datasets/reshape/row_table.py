"""Where each row of a file stands: 16 bytes a row, whatever the rows hold."""

from __future__ import annotations

import os
import stat
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tui.datasets.files import FileState, open_file, read_at, written_error
from tui.datasets.formats import DatasetFormat
from tui.datasets.parsing import BYTE_ORDER_MARK
from tui.datasets.reshape.tracker import Tracker
from tui.errors import TunedeckError

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, numpy.dtype[Any]]

_BLOCK = 4 << 20
_BLANK = b" \t\r\x0b\x0c"
_LOOKED_AT = 4_096
_ROWS_AT_ONCE = 65_536
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class RowTable:
    """The rows of an open file without its blank lines; positions count from 0.

    Reading a file that is not any more what it was when it was opened is an error.
    """

    def __init__(self, path: Path, descriptor: int, read_as: DatasetFormat | None = None) -> None:
        self.path = path
        self.read_as = read_as
        """The format that a person chose for all rows; None leaves it to each row."""
        self._descriptor = descriptor
        # A plan may outlive the screen that made it; the file must not stay open with it.
        self._closer = weakref.finalize(self, os.close, descriptor)
        self._state = FileState.of(os.fstat(descriptor))
        self.size = self._state.size
        self.byte_order_mark = BYTE_ORDER_MARK if read_at(descriptor, 0, 3) == BYTE_ORDER_MARK else b""
        self.starts: Array
        """Where each row begins, in bytes."""
        self.ends: Array
        """Where each row ends, its line end included."""
        self.lines: Array
        """Physical line of each row, from 1."""
        self.blank_lines = 0
        """Lines that were left out."""

    @classmethod
    def open(
        cls, path: Path, tracker: Tracker | None = None, *, read_as: DatasetFormat | None = None
    ) -> RowTable:
        """Open a file and find its rows, at memory speed.

        Args:
            path: A regular file.
            tracker: Told how far it is, and asked whether to stop.
            read_as: The format that a person chose; None leaves it to each row.

        Raises:
            TunedeckError: It can't be read, is no regular file, has no rows, or is UTF-16.
            PassCancelled: The tracker was asked to stop.
        """
        with open_file(path) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise TunedeckError(f"{path} is not a regular file.", "Save the rows to a file first.")
            table = cls(path, os.dup(stream.fileno()), read_as)
        try:
            table._find_rows(tracker or Tracker())
        except BaseException:
            table.close()
            raise
        return table

    def close(self) -> None:
        """Close the file."""
        self._closer()

    def __enter__(self) -> RowTable:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.starts)

    def content(self, position: int) -> bytes:
        """Return a row without its line end.

        Raises:
            TunedeckError: The file changed.
        """
        start, end = int(self.starts[position]), int(self.ends[position])
        return self._read(start, end - start).removesuffix(b"\n").removesuffix(b"\r")

    def line_end(self, position: int) -> bytes:
        """Return how a row ends; the file's usual line end where it has none."""
        end = int(self.ends[position])
        tail = self._read(max(int(self.starts[position]), end - 2), min(2, end))
        if not tail.endswith(b"\n"):
            return self._usual_end
        return b"\r\n" if tail.endswith(b"\r\n") else b"\n"

    def positions_of(self, lines: Array) -> Array:
        """Return the positions of physical lines, in their order; blank lines have none."""
        import numpy

        places = numpy.searchsorted(self.lines, lines).clip(max=max(0, len(self) - 1))
        found: Array = places[self.lines[places] == lines].astype(numpy.int64)
        return found

    def byte_count(self, positions: Array) -> int:
        """Return how many bytes some rows have, as far as they stand in the file."""
        return int((self.ends[positions] - self.starts[positions]).sum())

    def copy(self, positions: Array, file: BinaryIO, tracker: Tracker) -> None:
        """Write rows as they are, in the order of `positions`; neighbours are copied in one piece.

        Raises:
            TunedeckError: The file changed.
            PassCancelled: The tracker was asked to stop.
        """
        done, shown, total = 0, 0, self.byte_count(positions)
        for start, end in self._stretches(positions):
            while start < end:
                part = self._read(start, min(_BLOCK, end - start))
                file.write(part)
                start += len(part)
                done += len(part)
            if end == self.size and not part.endswith(b"\n"):
                file.write(b"\n" if part.endswith(b"\r") else self._usual_end)
            if done - shown >= _BLOCK:
                shown = done
                tracker.tick(done, total)
        tracker.tick(total, total)

    def check_unchanged(self) -> None:
        """Raise unless the file is still the one that was opened.

        Raises:
            TunedeckError: It was written to, replaced or removed.
        """
        try:
            now = FileState.of(os.stat(self.path))
        except OSError:
            raise written_error(self.path) from None
        if now != self._state:
            raise written_error(self.path)

    def _stretches(self, positions: Array) -> Iterator[tuple[int, int]]:
        """Yield (start, end) of rows that follow each other in the file too."""
        import numpy

        for first in range(0, len(positions), _ROWS_AT_ONCE):
            some = positions[first : first + _ROWS_AT_ONCE]
            starts, ends = self.starts[some], self.ends[some]
            breaks = numpy.flatnonzero(starts[1:] != ends[:-1])
            first_of = starts[numpy.concatenate(([0], breaks + 1))]
            last_of = ends[numpy.concatenate((breaks, [len(some) - 1]))]
            yield from zip(first_of.tolist(), last_of.tolist(), strict=True)

    def _find_rows(self, tracker: Tracker) -> None:
        import numpy

        if read_at(self._descriptor, 0, 2) in _UTF16:
            raise TunedeckError(
                f"{self.path} is UTF-16, not UTF-8.", "Convert it first: tunedeck convert FILE -o NEW.jsonl"
            )
        begin = len(self.byte_order_mark)
        starts, first_bytes = [numpy.array([begin], numpy.uint64)], []
        at_start = True
        for offset in range(begin, self.size, _BLOCK):
            block = self._read(offset, min(_BLOCK, self.size - offset))
            data = numpy.frombuffer(block, numpy.uint8)
            found = numpy.flatnonzero(data == 0x0A) + 1
            if len(found):
                starts.append((found + offset).astype(numpy.uint64))
            begun = found[:-1] if len(found) and found[-1] == len(data) else found
            first_bytes.append(data[numpy.concatenate(([0], begun))] if at_start else data[begun])
            at_start = bool(len(found)) and int(found[-1]) == len(data)
            tracker.tick(offset + len(block), self.size)
        every = numpy.concatenate(starts)
        every = every[every < self.size]
        ends = numpy.append(every[1:], numpy.uint64(self.size)).astype(numpy.uint64)[: len(every)]
        first = numpy.concatenate(first_bytes) if first_bytes else numpy.zeros(0, numpy.uint8)
        kept = self._not_blank(every, ends, first)
        self.blank_lines = len(every) - len(kept)
        self.starts, self.ends = every[kept], ends[kept]
        self.lines = (kept + 1).astype(numpy.uint32)
        if not len(kept):
            raise TunedeckError(f"{self.path} has no rows.", "Write one JSON object per line into it.")
        self._usual_end = self._first_end()

    def _not_blank(self, starts: Array, ends: Array, first: Array) -> Array:
        """Return the indexes of lines that hold something; what begins with white space is read again."""
        import numpy

        blank = first == 0x0A
        for index in numpy.flatnonzero(numpy.isin(first, numpy.frombuffer(_BLANK, numpy.uint8))).tolist():
            blank[index] = self._is_blank(int(starts[index]), int(ends[index]))
        return numpy.flatnonzero(~blank)

    def _is_blank(self, start: int, end: int) -> bool:
        while start < end:
            part = self._read(start, min(_LOOKED_AT, end - start))
            if part.strip():
                return False
            start += len(part)
        return True

    def _first_end(self) -> bytes:
        """Return the line end of the first row that has one."""
        end = int(self.ends[0])
        return b"\r\n" if self._read(max(0, end - 2), min(2, end)) == b"\r\n" else b"\n"

    def _read(self, offset: int, length: int) -> bytes:
        try:
            data = read_at(self._descriptor, offset, length)
        except OSError as error:
            raise TunedeckError(f"{self.path} can't be read: {error}", "Open it again.") from error
        if len(data) != length:
            raise written_error(self.path)
        return data
