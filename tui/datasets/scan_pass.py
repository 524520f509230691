"""One pass over a large file on all cores: children check parts, which are merged in the file's order."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from tui.datasets.file_mark import hash_beginning
from tui.datasets.file_parts import FileParts
from tui.datasets.files import FileState, open_file, written_error
from tui.datasets.kept_lines import Kept
from tui.datasets.lines import LineReader
from tui.datasets.options import CheckOptions
from tui.datasets.options_travel import options_as_json
from tui.datasets.report import Report
from tui.datasets.row_pass import PassCancelled, ask_parts, process_count
from tui.datasets.row_pass_process import Request
from tui.datasets.scan import FileScan
from tui.datasets.scan_job import packed_state, scan_part, unpacked_state
from tui.datasets.start_facts import StartFacts, look_at_start
from tui.errors import TunedeckError

PART_BYTES = 8 << 20
PARALLEL_FROM_BYTES = 8 << 20
"""Less is checked here, before children would have started."""
_MOST_KEPT_ROWS = 3_000_000
"""Some 250 MB of state."""


class _Requests:
    """The parts of a file, as the children are asked for them."""

    def __init__(self, parts: FileParts) -> None:
        self.parts = parts
        self.full: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (part.as_request() for part in self.parts)

    def complete(self, request: Request) -> Request:
        """Add what the parts before have found, when a child is asked."""
        return {**request, "full": sorted(self.full)}


Parts = Generator[tuple[int, bool, FileScan], None, None]
"""For each part where it ends, whether its last line has no line feed, and what was found."""


def scan_in_parts(
    path: Path,
    options: CheckOptions,
    *,
    kept: Kept | None = None,
    keep: Callable[[Kept], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Report:
    """Check a regular file with children; the report is the one that one process would make.

    Args:
        path: The file.
        options: Must be able to travel (`tui.datasets.scan_job.can_travel`).
        kept: What is known of its beginning; taken when the beginning still has that SHA-256.
        keep: Receives what is known at the end, where rows that follow would not change it.
        on_progress: Called with (bytes done, bytes in all) after each part.
        cancelled: Asked twenty times a second.

    Raises:
        TunedeckError: The file can't be read or is written to meanwhile, or a child ended.
        PassCancelled: `cancelled` returned True.
    """
    with open_file(path) as stream:
        before = FileState.of(os.fstat(stream.fileno()))
        start, _ = look_at_start(LineReader(stream).batches(), options.format)

        def progress(done: int) -> None:
            if cancelled():
                raise PassCancelled
            if on_progress:
                on_progress(done, before.size)

        scan, parts = _begin(stream.fileno(), before.size, options, start, kept, progress)
        requests = _Requests(parts)
        if before.size - parts.place.position < PARALLEL_FROM_BYTES:
            found = _scan_here(stream.fileno(), options, start, requests)
        else:
            found = _scan_by_children(path, options, start, requests, before.size, cancelled)
        state: bytes | None = None
        try:
            with closing(found):
                for end, is_open, part in found:
                    if is_open and keep is not None:
                        state = packed_state(scan)
                    scan.merge(part)
                    requests.full = scan.full
                    progress(end)
        finally:
            parts.is_stopped = True
        if FileState.of(os.fstat(stream.fileno())) != before:
            raise written_error(path)
        place, sha256 = parts.last_line_end()
        # The first row must be among those lines, or what follows might change what the beginning says.
        if keep is not None and start.is_settled and 0 < place.examples <= _MOST_KEPT_ROWS:
            keep(Kept(start.as_json(), place, sha256, state or packed_state(scan)))
    return scan.report(str(path), before.size, parts.hash.hexdigest())


def _begin(
    descriptor: int,
    size: int,
    options: CheckOptions,
    start: StartFacts,
    kept: Kept | None,
    progress: Callable[[int], None],
) -> tuple[FileScan, FileParts]:
    """Return the scan and the parts still to be checked: the rest where the beginning is known."""
    scan = FileScan(options, start)
    if kept is not None and kept.start == start.as_json() and kept.place.position <= size:
        digest = hashlib.sha256()
        hash_beginning(descriptor, kept.place.position, digest, progress)
        if digest.hexdigest() == kept.sha256:
            with suppress(ValueError, TypeError, KeyError):
                scan.restore(unpacked_state(kept.state))
                return scan, FileParts(descriptor, size, PART_BYTES, kept.place, digest)
            scan = FileScan(options, start)
    scan.begin()
    return scan, FileParts(descriptor, size, PART_BYTES)


def _scan_here(descriptor: int, options: CheckOptions, start: StartFacts, requests: _Requests) -> Parts:
    for request in requests:
        _, part = scan_part(descriptor, options, start, requests.complete(request))
        yield request["end"], request["is_open"], part


def _scan_by_children(
    path: Path,
    options: CheckOptions,
    start: StartFacts,
    requests: _Requests,
    size: int,
    cancelled: Callable[[], bool],
) -> Parts:
    count = -(-(size - requests.parts.place.position) // PART_BYTES)
    answers = ask_parts(
        path,
        {
            "kind": "scan",
            "options": options_as_json(options),
            "start": start.as_json(),
            "shared": True,  # a tokenizer takes 60 MB and a third of a second
        },
        requests,
        processes=max(1, min(process_count(), count)),
        complete=requests.complete,
        cancelled=cancelled,
    )
    with closing(answers):
        for answer in answers:
            part = FileScan(options, start)
            try:
                part.restore(unpacked_state(answer.payload))
            except (ValueError, TypeError, KeyError) as error:
                raise TunedeckError(f"A part of {path} was not understood: {error}.", "Try again.") from error
            yield answer.facts["end"], answer.facts["is_open"], part
