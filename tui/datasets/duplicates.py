"""Finds lines that stand twice, in one file or in two, at 16 bytes per line."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xxhash import xxh3_64_intdigest

from tui.datasets.files import unchanged_file
from tui.datasets.findings import KEPT_PER_RULE, FindingCollector
from tui.datasets.lines import LineReader

if TYPE_CHECKING:
    import numpy


class LineHashes:
    """Remembers a 64-bit hash per line: a million lines hold a false pair once in 37 million files."""

    def __init__(self) -> None:
        self._digests = array("Q")
        self._lines = array("Q")

    def __len__(self) -> int:
        return len(self._digests)

    @classmethod
    def of_file(cls, path: Path) -> LineHashes:
        """Return the hashes of every line of a file that is not blank.

        Raises:
            TunedeckError: The file can't be read.
        """
        hashes = cls()
        with unchanged_file(path) as (stream, _):
            for first_line, lines in LineReader(stream).batches():
                for number, line in enumerate(lines, first_line):
                    if line and not line.isspace():
                        hashes.add(number, line)
        return hashes

    def add(self, number: int, line: bytes) -> None:
        """Remember one line by its number and bytes; white space around it does not count."""
        self._digests.append(xxh3_64_intdigest(line.strip()))
        self._lines.append(number)

    def add_many(self, first_line: int, lines: Sequence[bytes]) -> None:
        """Remember lines that follow each other."""
        self._digests.extend([xxh3_64_intdigest(line.strip()) for line in lines])
        self._lines.extend(range(first_line, first_line + len(lines)))

    def merge(self, later: LineHashes) -> None:
        """Take over the lines of the part of the file that follows."""
        self._digests.extend(later._digests)
        self._lines.extend(later._lines)

    def state(self) -> Any:
        """Return the hashes and lines as bytes."""
        return [self._digests.tobytes(), self._lines.tobytes()]

    def restore(self, state: Any) -> None:
        """Take the hashes and lines that `state` returned."""
        self._digests, self._lines = (array("Q", each) for each in state)

    def report_repeated(self, findings: FindingCollector) -> None:
        """Report every line that stood before in the same file."""
        if len(self) < 2:
            return
        import numpy  # 80 ms that `--help` must not pay

        _, first_index, inverse = numpy.unique(self._array(), return_index=True, return_inverse=True)
        first_of_each = first_index[inverse]
        repeated = numpy.flatnonzero(first_of_each != numpy.arange(len(self)))
        for index in repeated[:KEPT_PER_RULE].tolist():
            original = self._lines[int(first_of_each[index])]
            findings.add(
                "duplicate-row",
                f"The same as line {original:,}.",
                line=self._lines[index],
                path="$",
                column=1,
            )
        findings.add_uncounted("duplicate-row", max(0, len(repeated) - KEPT_PER_RULE))

    def report_shared(self, training: LineHashes, findings: FindingCollector) -> None:
        """Report every line that stands in the training file too."""
        if not len(self) or not len(training):
            return
        import numpy

        ours, theirs = self._array(), training._array()
        order = numpy.argsort(theirs, kind="stable")
        places = numpy.searchsorted(theirs, ours, sorter=order).clip(max=len(theirs) - 1)
        matches = order[places]
        shared = numpy.flatnonzero(theirs[matches] == ours)
        for index in shared[:KEPT_PER_RULE].tolist():
            original = training._lines[int(matches[index])]
            message = f"The same as line {original:,} of the training file."
            findings.add("train-overlap", message, line=self._lines[index], path="$", column=1)
        findings.add_uncounted("train-overlap", max(0, len(shared) - KEPT_PER_RULE))

    def count_shared(self, training: LineHashes) -> int:
        """Return how many lines stand in the training file too."""
        import numpy

        return int(numpy.isin(self._array(), training._array()).sum())

    def _array(self) -> numpy.ndarray[Any, numpy.dtype[numpy.uint64]]:
        import numpy

        return numpy.frombuffer(self._digests, dtype=numpy.uint64)
