"""Checks a file in one streaming pass: every rule, tokens, duplicates and the hash, with bounded memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from tui.datasets.files import unchanged_file, written_error
from tui.datasets.lines import LineReader
from tui.datasets.options import CheckOptions
from tui.datasets.report import Report
from tui.datasets.scan import FileScan

__all__ = ["CheckCancelled", "CheckOptions", "check_file"]


class CheckCancelled(Exception):
    """The caller asked the check to stop."""


class _BlockWatcher:
    """Hashes each block, reports progress and stops when asked."""

    def __init__(
        self,
        path: Path,
        size: int,
        on_progress: Callable[[int, int], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self.hash = hashlib.sha256()
        self.done = 0
        self._path = path
        self._size = size
        self._on_progress = on_progress
        self._cancelled = cancelled

    def __call__(self, block: bytes) -> None:
        if self._cancelled and self._cancelled():
            raise CheckCancelled
        self.hash.update(block)
        if self._on_progress:
            self._on_progress(self.done, max(self._size, self.done))
        self.done += len(block)
        if self._size and self.done > self._size:
            raise written_error(self._path)  # or a file that grows as fast as it is read would never end


def check_file(
    path: Path,
    options: CheckOptions | None = None,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Report:
    """Check a dataset and return what was found.

    Args:
        path: A file, or a pipe.
        options: What to check for.
        on_progress: Called with (bytes done, bytes in all) for each megabyte and at the end.
        cancelled: Asked for each megabyte; True ends the check.

    Raises:
        TunedeckError: The file can't be read, or was written to meanwhile.
        CheckCancelled: `cancelled` returned True.
    """
    scan = FileScan(options or CheckOptions())
    with unchanged_file(path) as (stream, size):
        watcher = _BlockWatcher(path, size, on_progress, cancelled)
        reader = LineReader(stream, watcher)
        for first_line, lines in reader.batches():
            scan.batch(first_line, lines, reader.too_long)
    if on_progress:
        on_progress(watcher.done, watcher.done)
    return scan.report(str(path), watcher.done, watcher.hash.hexdigest())
