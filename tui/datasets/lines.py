"""A file as batches of physical lines: blocks of 1 MB, nothing held but the line that is not finished."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

BLOCK_BYTES = 1 << 20
MAX_LINE_BYTES = 256 << 20
"""Longer lines are not read whole: ten pictures of the service's largest size take 133 MB as text."""
_KEPT_OF_TOO_LONG = 4_096


class ByteSource(Protocol):
    """Bytes that are read piece by piece: an unbuffered file or pipe, or what a file is turned into."""

    def read(self, size: int, /) -> bytes | None:
        """Return some bytes; empty only at the end."""
        ...


class LineReader:
    """Reads a binary stream once and hands out its lines.

    Args:
        stream: Where the bytes come from.
        on_block: Called with each block as it is read, for hashes and progress; may raise to stop.
        max_line_bytes: Lines above it (no less than a block) are cut to their beginning and listed in
            `too_long`.
        first_number: Number of the first line.
    """

    def __init__(
        self,
        stream: ByteSource,
        on_block: Callable[[bytes], None] | None = None,
        *,
        max_line_bytes: int = MAX_LINE_BYTES,
        first_number: int = 1,
    ) -> None:
        self._stream = stream
        self._on_block = on_block
        self._max_line_bytes = max_line_bytes
        self._open_parts: list[bytes] = []
        self._open_length = 0
        self.too_long: dict[int, int] = {}
        """Line number -> bytes, of lines that were cut."""
        self._number = first_number

    def batches(self) -> Iterator[tuple[int, list[bytes]]]:
        """Yield (number of the first line, lines without their line feed)."""
        while block := self._stream.read(BLOCK_BYTES):
            if self._on_block:
                self._on_block(block)
            if b"\n" not in block:
                self._keep(block)
                continue
            pieces = block.split(b"\n")
            pieces[0] = self._finish_line(pieces[0])
            rest = pieces.pop()
            first, self._number = self._number, self._number + len(pieces)
            self._keep(rest)
            yield first, pieces
        if self._open_length:
            yield self._number, [self._finish_line(b"")]

    def _keep(self, part: bytes) -> None:
        self._open_length += len(part)
        if self._open_length <= self._max_line_bytes or not self._open_parts:
            self._open_parts.append(part)
        else:
            del self._open_parts[1:]

    def _finish_line(self, end: bytes) -> bytes:
        length = self._open_length + len(end)
        if length > self._max_line_bytes:
            self.too_long[self._number] = length
            line = b"".join(self._open_parts)[:_KEPT_OF_TOO_LONG]
        elif self._open_parts:
            line = b"".join([*self._open_parts, end])
        else:
            line = end
        self._open_parts = []
        self._open_length = 0
        return line
