"""A file that tells how far it has been read, for progress of uploads."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


class ProgressFile(io.BufferedIOBase):
    """Reads a file and reports the position; a retry rewinds it, and the progress with it.

    Args:
        path: The file.
        on_progress: Called with (bytes read, bytes in all).
        prefix: Bytes that are read before the file's own, such as a byte order mark.
    """

    def __init__(
        self, path: Path, on_progress: Callable[[int, int], None] | None, prefix: bytes = b""
    ) -> None:
        self._stream: BinaryIO = path.open("rb")
        self._prefix = prefix
        self._before = len(prefix)
        """Bytes of the prefix that are still to be read."""
        self.total = path.stat().st_size + len(prefix)
        """Bytes in all."""
        self._on_progress = on_progress

    def readable(self) -> bool:
        """True: it is only read."""
        return True

    def seekable(self) -> bool:
        """True: the client rewinds it before a retry."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to `size` bytes and report how far that is."""
        wanted = -1 if size is None else size
        content = b""
        if self._before:
            start = len(self._prefix) - self._before
            content = self._prefix[start:] if wanted < 0 else self._prefix[start : start + wanted]
            self._before -= len(content)
        content += self._stream.read(wanted if wanted < 0 else wanted - len(content))
        if self._on_progress is not None:
            self._on_progress(min(self.tell(), self.total), self.total)
        return content

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move the position."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self.total}[whence]
        position = max(0, start + offset)
        self._before = max(0, len(self._prefix) - position)
        self._stream.seek(max(0, position - len(self._prefix)), os.SEEK_SET)
        return position

    def tell(self) -> int:
        """Return the position."""
        return len(self._prefix) - self._before + self._stream.tell()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        super().close()
