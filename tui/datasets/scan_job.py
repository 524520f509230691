"""What a child of a check does with its part of the file, and how its answer travels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tui.datasets.engines.choose import engine_for
from tui.datasets.file_parts import shorter_error
from tui.datasets.files import read_at
from tui.datasets.lines import LineReader
from tui.datasets.options import CheckOptions
from tui.datasets.options_travel import options_from_json
from tui.datasets.scan import FileScan
from tui.datasets.start_facts import StartFacts
from tui.datasets.tokens import encoding_for

GROWTH_BYTES = 110_000_000
"""Memory that a child may grow by before its tokenizer is built anew, after some 250 MB of chats. It forgets
its words then, which costs what 20 MB of chats cost. Two children and who asks them take 430 MB at most."""


class FileRange:
    """A part of an open file, read from its beginning to its end."""

    def __init__(self, descriptor: int, start: int, end: int) -> None:
        self._descriptor = descriptor
        self._position = start
        self._end = end

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end.

        Raises:
            TunedeckError: The file has become shorter.
        """
        wanted = min(size, self._end - self._position)
        block = read_at(self._descriptor, self._position, wanted)
        if len(block) < wanted:
            raise shorter_error()
        self._position += len(block)
        return block


def scan_part(
    descriptor: int, options: CheckOptions, start: StartFacts, wanted: Mapping[str, Any]
) -> tuple[int, FileScan]:
    """Check a part of an open file and return its lines' number and what was found.

    Args:
        descriptor: Of the file.
        options: What to check for.
        start: What the file's beginning says.
        wanted: `FilePart.as_request`, and "full": rules of which enough is kept already.

    Raises:
        TunedeckError: The file has become shorter.
    """
    scan = FileScan(options, start, examples=wanted["examples"], full=frozenset(wanted["full"]))
    source = FileRange(descriptor, wanted["start"], wanted["end"])
    reader = LineReader(source, first_number=wanted["first_line"])
    count = 0
    for first_line, lines in reader.batches():
        scan.batch(first_line, lines, reader.too_long)
        count += len(lines)
    return count, scan


class ScanJob:
    """Checks parts; the payload is the state of a scan, for `unpacked_state`."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._options = options_from_json(job["options"])
        self._start = StartFacts.from_json(job["start"])
        if self._options.count_tokens and self._options.tokenizer is None:
            engine_for(encoding_for(self._options.model), growth_bytes=GROWTH_BYTES)

    def range(self, descriptor: int, wanted: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Return the number of lines, and everything found in them."""
        count, scan = scan_part(descriptor, self._options, self._start, wanted)
        return {"lines": count, "end": wanted["end"], "is_open": wanted["is_open"]}, packed_state(scan)


def packed_state(scan: FileScan) -> bytes:
    """Return the state of a scan as MessagePack."""
    return msgspec.msgpack.encode(scan.state())


def unpacked_state(packed: bytes | memoryview) -> Any:
    """Return the state that `packed_state` wrote; ValueError when it is none."""
    return msgspec.msgpack.decode(packed)
