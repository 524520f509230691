"""A file that tells how far it has been read, for progress of uploads."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


class ProgressFile(io.BufferedIOBase):
    """Reads a file and reports the position; a retry rewinds it, and the progress with it."""

    def __init__(self, path: Path, on_progress: Callable[[int, int], None] | None) -> None:
        self._stream: BinaryIO = path.open("rb")
        self._total = path.stat().st_size
        self._on_progress = on_progress

    def readable(self) -> bool:
        """True: it is only read."""
        return True

    def seekable(self) -> bool:
        """True: the client rewinds it before a retry."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to `size` bytes and report how far that is."""
        content = self._stream.read(-1 if size is None else size)
        if self._on_progress is not None:
            self._on_progress(min(self._stream.tell(), self._total), self._total)
        return content

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move the position."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._stream.tell()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        super().close()
