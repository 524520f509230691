"""Rows by size without loading them: line numbers sorted by one number for each line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from tui.datasets.formats import DatasetFormat, row_format
from tui.datasets.parsing import BYTE_ORDER_MARK
from tui.datasets.row_pass import ask_every_line

if TYPE_CHECKING:
    import numpy

    from tui.datasets.source import Dataset

    Sizes = numpy.ndarray[Any, numpy.dtype[Any]]
    """One number for each line of the file, from line 1."""
    Lines = numpy.ndarray[Any, numpy.dtype[numpy.uint32]]

SECONDS_FOR_PART = 300.0
_MORE_THAN_BYTES = (b"image_url", b'"tools"', b'"functions"', b"\\u00")
"""What may stand in a row with more tokens than bytes: pictures and tool definitions, counted by formulas,
or these keys in escapes. Every other token is at least one byte of a text, and what JSON writes around a
message (`{"role":""},`) is longer than the tokens around it."""
_GROWTH_BYTES = 60_000_000
"""What each process's vocabulary may grow by."""


class SortKey(StrEnum):
    """What rows are sorted by."""

    FILE = "file"
    """The order they stand in."""
    TOKENS = "tokens"
    BYTES = "bytes"


def line_bytes(dataset: Dataset) -> Sizes:
    """Return the bytes of each line, its line end included, from a complete index."""
    import numpy

    return numpy.diff(dataset.line_end_offsets(), prepend=numpy.uint64(0)).astype(numpy.uint64)


def line_tokens(
    path: Path,
    encoding: str,
    dataset_format: DatasetFormat = DatasetFormat.UNKNOWN,
    *,
    above: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Sizes:
    """Count the tokens of each line, as `tunedeck count` defines them, in processes.

    Args:
        path: A regular file.
        encoding: Name of a tiktoken vocabulary.
        dataset_format: Of the rows; UNKNOWN looks at each.
        above: Rows that can't have more tokens need not be counted and may get 0.
        on_progress: Called with (bytes done, bytes in all).
        cancelled: True ends the count.

    Raises:
        TunedeckError: The file can't be read or is rewritten meanwhile.
        PassCancelled: `cancelled` returned True.
    """
    import numpy

    job = {"kind": "tokens", "encoding": encoding, "format": dataset_format.value, "above": above}
    parts = ask_every_line(
        path, job, on_progress=on_progress, cancelled=cancelled, seconds_for_part=SECONDS_FOR_PART
    )
    counts = [numpy.frombuffer(part.payload, dtype=numpy.uint32) for part in parts]
    return numpy.concatenate(counts) if counts else numpy.zeros(0, dtype=numpy.uint32)


def sorted_lines(sizes: Sizes, *, largest_first: bool = True, among: Lines | None = None) -> Lines:
    """Return line numbers by size; equal ones stay in the order of the file.

    Args:
        sizes: One number for each line.
        largest_first: Descending, else ascending.
        among: Line numbers to sort; None sorts all.
    """
    import numpy

    if among is not None:
        among = among[(among >= 1) & (among <= len(sizes))]
    wanted = sizes if among is None else sizes[among.astype(numpy.int64) - 1]
    keys = wanted.astype(numpy.int64)
    order = numpy.argsort(-keys if largest_first else keys, kind="stable")
    lines = order + 1 if among is None else among[order]
    return lines.astype(numpy.uint32)


class TokenJob:
    """Counts the tokens of each row; the payload is 32 bits for each line, 0 where there is no row."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        from tui.datasets.engines.choose import engine_for
        from tui.datasets.row_tokens import RowTokenCounter

        self._counter = RowTokenCounter(engine_for(job["encoding"], growth_bytes=_GROWTH_BYTES))
        self._above: int = job["above"]
        self._format = DatasetFormat(job["format"])

    def part(self, lines: list[bytes], *, is_first: bool) -> tuple[dict[str, Any], bytes]:
        """Return the counts."""
        from array import array

        counts = array("I", bytes(4 * len(lines)))
        for number, line in enumerate(lines):
            if len(line) <= self._above and not any(one in line for one in _MORE_THAN_BYTES):
                continue
            try:
                value = orjson.loads(line.removeprefix(BYTE_ORDER_MARK) if is_first and not number else line)
            except ValueError:
                continue
            known = self._format if self._format is not DatasetFormat.UNKNOWN else row_format(value)
            counts[number] = self._counter.row(value, known).total
        return {}, counts.tobytes()
