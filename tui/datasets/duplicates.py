"""Finds lines that stand twice in a file, at 16 bytes per line."""

from __future__ import annotations

from array import array
from hashlib import blake2b

from tui.datasets.findings import KEPT_PER_RULE, FindingCollector


class DuplicateFinder:
    """Remembers a 64-bit hash per line: a million lines hold a false pair once in 37 million files."""

    def __init__(self) -> None:
        self._digests = array("Q")
        self._lines = array("Q")

    def add(self, number: int, line: bytes) -> None:
        """Remember one line by its number and bytes; white space around it does not count."""
        self._digests.frombytes(blake2b(line.strip(), digest_size=8).digest())
        self._lines.append(number)

    def report(self, findings: FindingCollector) -> None:
        """Report every line that stood before."""
        if len(self._digests) < 2:
            return
        import numpy  # 80 ms that `--help` must not pay

        digests = numpy.frombuffer(self._digests, dtype=numpy.uint64)
        _, first_index, inverse = numpy.unique(digests, return_index=True, return_inverse=True)
        first_of_each = first_index[inverse]
        repeated = numpy.flatnonzero(first_of_each != numpy.arange(len(digests)))
        for index in repeated[:KEPT_PER_RULE].tolist():
            original = self._lines[int(first_of_each[index])]
            message = f"The same as line {original:,}."
            findings.add("duplicate-row", message, line=self._lines[index], path="$", column=1)
        findings.add_uncounted("duplicate-row", max(0, len(repeated) - KEPT_PER_RULE))
