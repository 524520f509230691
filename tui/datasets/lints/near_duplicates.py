"""Rows that are almost the same: in one file, and in a validation file and its training file."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import xxhash

from tui.datasets.files import unchanged_file
from tui.datasets.findings import KEPT_PER_RULE, FindingCollector
from tui.datasets.formats import row_format
from tui.datasets.lines import LineReader
from tui.datasets.lints.minhash import VALUES, signatures
from tui.datasets.lints.protocol import LintRow
from tui.datasets.lints.row_text import RowText, spoken
from tui.datasets.parsing import parse_line

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

MOST_ROWS = 1_000_000
"""Later rows are not compared: a row takes 80 bytes."""
SIMILAR = 0.85
_FEWEST_WORDS = 8
_BUFFERED = 256
_BAND_BYTES = 8


class NearDuplicates:
    """Signatures of rows.

    Args:
        training_file: Also compares with this file.
    """

    def __init__(self, training_file: Path | None = None) -> None:
        self._training_file = training_file
        self._signatures = bytearray()
        self._exact = array("Q")
        self._lines = array("Q")
        self._waiting: list[list[str]] = []

    def row(self, row: LintRow) -> None:
        """Remember a row's signature."""
        self._add(row.line, row.raw, row.text)

    def _add(self, line: int, raw: bytes, text: RowText) -> None:
        if len(self._lines) >= MOST_ROWS:
            return
        words = compared_words(text)
        if words is None:
            return
        self._exact.append(xxhash.xxh3_64_intdigest(raw.strip()))
        self._lines.append(line)
        self._waiting.append(words)
        if len(self._waiting) >= _BUFFERED:
            self._flush()

    def _flush(self) -> None:
        self._signatures += signatures(self._waiting)
        self._waiting = []

    def merge(self, later: Self) -> None:
        """Take over the later part's signatures, as far as there is room."""
        self._flush()
        later._flush()
        room = MOST_ROWS - len(self._lines)
        self._signatures += later._signatures[: room * VALUES]
        self._exact.extend(later._exact[:room])
        self._lines.extend(later._lines[:room])

    def state(self) -> Any:
        """Return signatures, hashes and lines."""
        self._flush()
        return [bytes(self._signatures), self._exact.tobytes(), self._lines.tobytes()]

    def restore(self, state: Any) -> None:
        """Take signatures, hashes and lines."""
        found, exact, lines = state
        self._signatures, self._exact, self._lines = bytearray(found), array("Q", exact), array("Q", lines)

    def finish(self, findings: FindingCollector) -> None:
        """Report rows that come near an earlier one, or one of the training file."""
        self._flush()
        _report(findings, "near-duplicate", self._lines, _nearest(self), "line {:,}")
        if self._training_file is not None:
            training = _of_file(self._training_file)
            pairs = _nearest(self, training)
            _report(findings, "near-train-overlap", self._lines, pairs, "line {:,} of the training file")

    def arrays(self) -> tuple[Array, Array]:
        """Return (signatures, one row each; exact hashes)."""
        import numpy

        values = numpy.frombuffer(bytes(self._signatures), dtype=numpy.uint8).reshape(-1, VALUES)
        return values, numpy.frombuffer(self._exact, dtype=numpy.uint64)

    def line_of(self, index: int) -> int:
        """Return the line of a signature."""
        return self._lines[index]


def compared_words(text: RowText) -> list[str] | None:
    """Return the different words of a row that its signature is made of; None for a row of few words."""
    words = set(" ".join(said.text for said in spoken(text)).lower().split())
    return list(words) if len(words) >= _FEWEST_WORDS else None


def _report(
    findings: FindingCollector, rule: str, lines: array[int], pairs: list[tuple[int, int, float]], where: str
) -> None:
    for index, line, share in pairs[:KEPT_PER_RULE]:
        findings.add(
            rule,
            f"About {share:.0%} of its words are those of {where.format(line)}.",
            line=lines[index],
            path="$",
            column=1,
        )
    findings.add_uncounted(rule, max(0, len(pairs) - KEPT_PER_RULE))


def _of_file(path: Path) -> NearDuplicates:
    """Return the signatures of a file's rows; lines that are no objects are passed over."""
    found = NearDuplicates()
    with unchanged_file(path) as (stream, _):
        for first_line, lines in LineReader(stream).batches():
            for number, line in enumerate(lines, first_line):
                value, problem = parse_line(line) if line and not line.isspace() else (None, None)
                if problem is None and isinstance(value, dict):
                    found._add(number, line, RowText.of(value, row_format(value)))
    found._flush()
    return found


def _nearest(ours: NearDuplicates, theirs: NearDuplicates | None = None) -> list[tuple[int, int, float]]:
    """Return (our index, their line, share) of rows that come near an earlier row, or one of `theirs`."""
    other_values, other_exact = (None, None) if theirs is None else theirs.arrays()
    source = theirs or ours
    found = near_pairs(*ours.arrays(), other_values, other_exact)
    return [(index, source.line_of(match), share) for index, match, share in found]


def near_pairs(
    values: Array, exact: Array, other_values: Array | None = None, other_exact: Array | None = None
) -> list[tuple[int, int, float]]:
    """Return (index, index of what it comes near, share) of rows that come near an earlier row, or another's.

    Args:
        values: Signatures, one row each, in the order of the file.
        exact: A hash of each row; rows with the same hash are no pair.
        other_values: Signatures to compare with; None takes the earlier ones of `values`.
        other_exact: Their hashes.
    """
    import numpy

    among_themselves = other_values is None or other_exact is None
    if other_values is None or other_exact is None:
        other_values, other_exact = values, exact
    if not len(values) or not len(other_values):
        return []
    best: dict[int, tuple[int, float]] = {}
    for band in range(VALUES // _BAND_BYTES):
        mine, other = _band(values, band), _band(other_values, band)
        order = numpy.argsort(other, kind="stable")
        # A stable order puts the first row of a file first among equal bands.
        places = numpy.searchsorted(other[order], mine, side="left").clip(max=len(order) - 1)
        matches = order[places]
        candidates = other[matches] == mine
        if among_themselves:
            candidates &= matches < numpy.arange(len(mine))
        for index, match, share in _verified(values, other_values, numpy.flatnonzero(candidates), matches):
            if exact[index] != other_exact[match] and (index not in best or match < best[index][0]):
                best[index] = (match, share)
    return [(index, match, share) for index, (match, share) in sorted(best.items())]


def _band(values: Array, band: int) -> Array:
    import numpy

    part = values[:, band * _BAND_BYTES : (band + 1) * _BAND_BYTES]
    return numpy.ascontiguousarray(part).view(numpy.uint64).ravel()


def _verified(
    values: Array, other_values: Array, candidates: Array, matches: Array
) -> Iterator[tuple[int, int, float]]:
    step = 65_536
    for start in range(0, len(candidates), step):
        some = candidates[start : start + step]
        shares = (values[some] == other_values[matches[some]]).mean(axis=1)
        for index, match, share in zip(some.tolist(), matches[some].tolist(), shares.tolist(), strict=True):
            if share >= SIMILAR:
                yield index, match, share
