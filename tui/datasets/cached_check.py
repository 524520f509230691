"""The check as everybody should ask for it: what is known already is not read again."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tui.datasets.check import CHILDREN_FROM_BYTES, CheckCancelled, CheckOptions, check_file
from tui.datasets.report import Report

if TYPE_CHECKING:
    from tui.datasets.report_cache import ReportCache


def check_known(
    path: Path,
    options: CheckOptions,
    *,
    also: Sequence[CheckOptions] = (),
    fresh: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Report:
    """Return the report of a file: the kept one of this content, one continued where it grew, else a new one.

    Args:
        path: A file, or a pipe, of which nothing is kept.
        options: What to check for.
        also: What answers the same question, so that a kept report of any of them will do; none is made.
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
    kept = None if fresh else _first_kept(path, cache, also, on_block)
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


def check_for_findings(
    path: Path,
    options: CheckOptions,
    *,
    with_tokens: bool,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Report:
    """Return a report for its findings; without `with_tokens` a kept one may count them, a new one does not.

    Args:
        path: As in `check_known`, and so are the others.
        options: What to check for, tokens too.
        with_tokens: Count them.

    Raises:
        TunedeckError: As `check_known`.
        CheckCancelled: `cancelled` returned True.
    """
    if with_tokens:
        return check_known(path, options, on_progress=on_progress, cancelled=cancelled)
    uncounted = replace(options, count_tokens=False)
    return check_known(path, uncounted, also=(options,), on_progress=on_progress, cancelled=cancelled)


def _first_kept(
    path: Path, cache: ReportCache, also: Sequence[CheckOptions], on_block: Callable[[int], None]
) -> Report | None:
    from tui.datasets.options_travel import can_travel
    from tui.datasets.report_cache import ReportCache

    others = (ReportCache(path, one) for one in also if can_travel(one))
    for one in (cache, *others):
        found = one.report(on_block)
        if found is not None:
            return found
    return None


def _regular_size(path: Path) -> int:
    """Return the bytes of a regular file, 0 for whatever else."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return 0  # reading it says why
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
