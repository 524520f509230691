"""The check as everybody should ask for it: what is known already is not read again."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from tui.datasets.check import CHILDREN_FROM_BYTES, CheckCancelled, CheckOptions, check_file
from tui.datasets.report import Report


def check_known(
    path: Path,
    options: CheckOptions,
    *,
    fresh: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Report:
    """Return the report of a file: the kept one of this content, one continued where it grew, else a new one.

    Args:
        path: A file, or a pipe, of which nothing is kept.
        options: What to check for.
        fresh: Read all of the file again.
        on_progress: Called with (bytes done, bytes in all).
        cancelled: Asked now and then; True ends the check.

    Raises:
        TunedeckError: The file can't be read, or was written to meanwhile.
        CheckCancelled: `cancelled` returned True.
    """
    from tui.datasets.options_travel import can_travel

    size = _regular_size(path)
    if not size or not can_travel(options):
        return check_file(path, options, on_progress=on_progress, cancelled=cancelled)
    from tui.datasets.file_mark import FileMark
    from tui.datasets.report_cache import ReportCache  # MessagePack, which `--help` must not load

    def on_block(done: int) -> None:
        if cancelled():
            raise CheckCancelled
        if on_progress is not None:
            on_progress(done, size)

    cache = ReportCache(path, options)
    kept = None if fresh else cache.report(on_block)
    if kept is not None:
        if on_progress is not None:
            on_progress(size, size)
        return kept
    mark = FileMark.of(path)
    if size < CHILDREN_FROM_BYTES:
        report = check_file(path, options, on_progress=on_progress, cancelled=cancelled)
    else:
        from tui.datasets.row_pass import PassCancelled  # subprocesses, which few checks need
        from tui.datasets.scan_pass import scan_in_parts

        try:
            report = scan_in_parts(
                path,
                options,
                kept=None if fresh else cache.beginning(),
                keep=cache.keep_beginning,
                on_progress=on_progress,
                cancelled=cancelled,
            )
        except PassCancelled:
            raise CheckCancelled from None
    if FileMark.of(path) == mark:
        cache.keep(report, mark)
    return report


def _regular_size(path: Path) -> int:
    """Return the bytes of a regular file, 0 for whatever else."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return 0  # reading it says why
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
