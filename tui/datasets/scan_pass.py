"""One pass over a large file on all cores: children check parts, which are merged in the file's order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from tui.datasets.file_parts import FileParts
from tui.datasets.files import FileState, open_file, written_error
from tui.datasets.lines import LineReader
from tui.datasets.options import CheckOptions
from tui.datasets.report import Report
from tui.datasets.row_pass import ask_parts, process_count
from tui.datasets.scan import FileScan
from tui.datasets.scan_job import options_as_json, unpacked_state
from tui.datasets.start_facts import StartFacts, look_at_start
from tui.errors import TunedeckError

PART_BYTES = 4 << 20


class _Requests:
    """The parts of a file, as the children are asked for them."""

    def __init__(self, parts: FileParts) -> None:
        self.parts = parts
        self.full: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for part in self.parts:
            yield {**part.as_request(), "full": sorted(self.full)}


def scan_in_parts(
    path: Path,
    options: CheckOptions,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    processes: int | None = None,
) -> Report:
    """Check a regular file with children; the report is the one that one process would make.

    Args:
        path: The file.
        options: Must be able to travel (`tui.datasets.scan_job.can_travel`).
        on_progress: Called with (bytes done, bytes in all) after each part.
        cancelled: Asked twenty times a second.
        processes: How many children; None takes one per core.

    Raises:
        TunedeckError: The file can't be read or is written to meanwhile, or a child ended.
        PassCancelled: `cancelled` returned True.
    """
    with open_file(path) as stream:
        before = FileState.of(os.fstat(stream.fileno()))
        start, _ = look_at_start(LineReader(stream).batches(), options.format)
        requests = _Requests(FileParts(stream.fileno(), before.size, PART_BYTES))
        scan = FileScan(options, start)
        scan.begin()
        parts = -(-before.size // PART_BYTES)
        answers = ask_parts(
            path,
            {"kind": "scan", "options": options_as_json(options), "start": start.as_json()},
            requests,
            processes=max(1, min(processes or process_count(), parts)),
            on_progress=(lambda done: on_progress(done, before.size)) if on_progress else None,
            cancelled=cancelled,
        )
        try:
            with closing(answers):
                for answer in answers:
                    scan.merge(_part(options, start, answer.payload))
                    requests.full = scan.full
        finally:
            requests.parts.is_stopped = True
        if FileState.of(os.fstat(stream.fileno())) != before:
            raise written_error(path)
    return scan.report(str(path), before.size, requests.parts.hash.hexdigest())


def _part(options: CheckOptions, start: StartFacts, payload: bytes) -> FileScan:
    part = FileScan(options, start)
    try:
        part.restore(unpacked_state(payload))
    except (ValueError, TypeError, KeyError) as error:
        raise TunedeckError(f"A part of the file was not understood: {error}.", "Try again.") from error
    return part
