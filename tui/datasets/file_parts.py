"""A file cut into parts that end with a line, each told where its lines and examples are numbered from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tui.datasets.files import read_at, read_into
from tui.datasets.parsing import BYTE_ORDER_MARK
from tui.errors import TunedeckError

if TYPE_CHECKING:
    import numpy

_LINE_FEED = 0x0A
_WHITE_SPACE = (0x09, 0x0B, 0x0C, 0x0D, 0x20)
"""What `bytes.isspace` takes for space, besides line feeds."""


class Place(NamedTuple):
    """The beginning of a line."""

    position: int
    """Byte."""
    line: int
    """Its number, from 1."""
    examples: int
    """Lines before it that are not blank."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """Some whole lines of a file."""

    start: int
    """Byte."""
    end: int
    first_line: int
    """Its number, from 1."""
    examples: int
    """Lines before it that are not blank."""
    is_open: bool = False
    """It is the last line, and has no line feed: it may go on one day."""

    def as_request(self) -> dict[str, int]:
        """Return what a child is asked."""
        return asdict(self)


class FileParts:
    """Cuts an open file while it hashes it: one walk at some 1.3 GB a second, ahead of those who check.

    Args:
        descriptor: Of the file.
        size: Bytes to walk over.
        part_bytes: Least bytes of a part.
        start: Where to begin; None at the first byte.
        digest: Has hashed what stands before.
    """

    def __init__(
        self,
        descriptor: int,
        size: int,
        part_bytes: int,
        start: Place | None = None,
        digest: Any = None,
    ) -> None:
        self._descriptor = descriptor
        self._size = size
        self._part_bytes = part_bytes
        self._position, self._line, self._examples = start or Place(0, 1, 0)
        self.hash = hashlib.sha256() if digest is None else digest
        self._buffer = bytearray(min(part_bytes, max(size, 1)))
        """Kept from part to part: memory that is asked for anew costs more than the reading."""
        self._before_open: tuple[Place, str] | None = None
        self.is_stopped = False
        """Set by somebody else: ends the walk, even within a line of gigabytes."""

    def last_line_end(self) -> tuple[Place, str]:
        """Return where the lines with a line feed end, once the walk is over, and the SHA-256 up to there."""
        return self._before_open or (self.place, self.hash.hexdigest())

    @property
    def place(self) -> Place:
        """Where the walk is."""
        return Place(self._position, self._line, self._examples)

    def __iter__(self) -> Iterator[FilePart]:
        """Yield the parts.

        Raises:
            TunedeckError: The file is shorter than it was said to be.
        """
        while self._position < self._size and not self.is_stopped:
            yield from self._next()

    def _next(self) -> Iterator[FilePart]:
        start, line, examples = self.place
        block = self._read(self._position)
        if not block:
            raise shorter_error()
        whole = self._buffer.rfind(b"\n", 0, len(block)) + 1
        if whole:
            self._take(block[:whole])
            self._count(block[:whole])
        else:
            before = self.hash.copy()
            if not self._finish_line(bytes(block)):
                self._before_open = Place(start, line, examples), before.hexdigest()
                yield FilePart(start, self._position, line, examples, is_open=True)
                return
        yield FilePart(start, self._position, line, examples)

    def _read(self, position: int) -> memoryview:
        """Return the next bytes, which stand until the next call."""
        wanted = min(self._part_bytes, self._size - position)
        return read_into(self._descriptor, position, memoryview(self._buffer)[:wanted])

    def _take(self, block: bytes | memoryview) -> None:
        self.hash.update(block)
        self._position += len(block)

    def _count(self, block: memoryview) -> None:
        lines, blank = count_lines(block, is_first=self._line == 1)
        self._line += lines
        self._examples += lines - blank

    def _has_mark(self) -> bool:
        size = len(BYTE_ORDER_MARK)
        return self._line == 1 and read_at(self._descriptor, 0, size) == BYTE_ORDER_MARK

    def _finish_line(self, block: bytes) -> bool:
        """Walk over a line longer than a part; return whether it has a line feed."""
        mark = len(BYTE_ORDER_MARK) if self._has_mark() else 0
        is_blank = True
        while block and not self.is_stopped:
            end = block.find(b"\n") + 1
            piece = block[:end] if end else block
            is_blank = is_blank and not piece[max(0, mark - self._position) :].strip()
            self._take(piece)
            if end:
                self._line += 1
                self._examples += not is_blank
                return True
            block = bytes(self._read(self._position))
        return False


def shorter_error() -> TunedeckError:
    """Return the error for a file that ended before the size it had."""
    return TunedeckError(
        "The file became shorter while it was read.", "Wait until that is done, then try again."
    )


def count_lines(block: bytes | memoryview, *, is_first: bool) -> tuple[int, int]:
    """Return (lines, blank lines) of whole lines.

    Args:
        block: Ends with a line feed.
        is_first: It is the beginning of the file, where a byte order mark is no part of the line.
    """
    import numpy  # 80 ms that `--help` must not pay

    values = numpy.frombuffer(block, dtype=numpy.uint8)
    ends = numpy.flatnonzero(values == _LINE_FEED)
    starts = numpy.empty_like(ends)
    starts[0], starts[1:] = 0, ends[:-1] + 1
    firsts = values[starts]
    blank = int(numpy.count_nonzero(firsts == _LINE_FEED))
    for index in _space_first(firsts):
        blank += bytes(block[starts[index] : ends[index]]).isspace()
    if is_first and block[: len(BYTE_ORDER_MARK)] == BYTE_ORDER_MARK:
        blank += not bytes(block[len(BYTE_ORDER_MARK) : ends[0]]).strip()
    return len(ends), blank


def _space_first(firsts: numpy.ndarray[Any, Any]) -> list[int]:
    """Return the lines that begin with white space."""
    import numpy

    found: list[int] = numpy.flatnonzero(numpy.isin(firsts, _WHITE_SPACE)).tolist()
    return found
