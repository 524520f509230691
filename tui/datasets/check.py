"""Checks a file in one streaming pass: every rule, tokens, duplicates and the hash, with bounded memory."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

from tui.datasets.files import unchanged_file, written_error
from tui.datasets.lines import LineReader
from tui.datasets.options import CheckOptions
from tui.datasets.report import Report
from tui.datasets.scan import FileScan
from tui.datasets.start_facts import look_at_start

CHILDREN_FROM_BYTES = 8 << 20
"""Smaller files are checked here, before children would have started."""

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
    options = options or CheckOptions()
    if _is_worth_children(path, options):
        from tui.datasets.row_pass import PassCancelled  # subprocesses, which few checks need
        from tui.datasets.scan_pass import scan_in_parts

        try:
            return scan_in_parts(
                path, options, on_progress=on_progress, cancelled=cancelled or (lambda: False)
            )
        except PassCancelled:
            raise CheckCancelled from None
    return _check_here(path, options, on_progress, cancelled)


def _is_worth_children(path: Path, options: CheckOptions) -> bool:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return False  # reading it says why
    if not stat.S_ISREG(status.st_mode) or status.st_size < CHILDREN_FROM_BYTES:
        return False
    from tui.datasets.options_travel import can_travel

    return can_travel(options)


def _check_here(
    path: Path,
    options: CheckOptions,
    on_progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> Report:
    with unchanged_file(path) as (stream, size):
        watcher = _BlockWatcher(path, size, on_progress, cancelled)
        reader = LineReader(stream, watcher)
        start, batches = look_at_start(reader.batches(), options.format)
        scan = FileScan(options, start)
        scan.begin()
        for first_line, lines in batches:
            scan.batch(first_line, lines, reader.too_long)
    if on_progress:
        on_progress(watcher.done, watcher.done)
    return scan.report(str(path), watcher.done, watcher.hash.hexdigest())
