"""What rows are compared by, 24 bytes for each: the same row again, and another answer to the same question.

The check finds both in a file. Here they are found in rows as they are shown with changes to them, in any
order, from one pass over the file and one over the rows that changed.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from xxhash import xxh3_64_intdigest

from tui.datasets.findings import FindingCollector, RowFindings
from tui.datasets.formats import DatasetFormat
from tui.datasets.lints.answers import question_and_answer
from tui.datasets.lints.protocol import LintRow
from tui.datasets.parsing import BYTE_ORDER_MARK, parse_line
from tui.datasets.row_pass import ask_every_line

if TYPE_CHECKING:
    import numpy

    Hashes = numpy.ndarray[Any, numpy.dtype[numpy.uint64]]

DUPLICATE, CONTRADICTION = "duplicate-row", "contradictory-answers"
COMPARING_RULES = frozenset({DUPLICATE, CONTRADICTION})
"""Rules that are judged here."""
SECONDS_FOR_PART = 120.0


class Repeated(NamedTuple):
    """A row that is not the first of its kind."""

    rule: str
    row: int
    """Its number, from 1."""
    first: int
    """Number of the row that stood before it."""

    @property
    def message(self) -> str:
        """The sentence of the rule."""
        if self.rule == DUPLICATE:
            return f"The same as line {self.first:,}."
        return f"Line {self.first:,} answers the same question differently."


@dataclass(frozen=True, slots=True)
class ComparedRows:
    """Hashes of each row, in the order of the rows; 0 where there is nothing to compare."""

    rows: Hashes
    questions: Hashes
    answers: Hashes

    def repeated(self) -> Iterator[Repeated]:
        """Yield every row that stood before, then every other answer to a question that was asked before."""
        for rule, keys, differ in (
            (DUPLICATE, self.rows, None),
            (CONTRADICTION, self.questions, self.answers),
        ):
            yield from _repeated(rule, keys, differ)


def _repeated(rule: str, keys: Hashes, differ: Hashes | None) -> Iterator[Repeated]:
    """Yield rows whose key stood before; with `differ`, those that have another value than the first."""
    import numpy

    if not len(keys):
        return
    _, first_index, inverse = numpy.unique(keys, return_index=True, return_inverse=True)
    first = first_index[inverse]
    found = first != numpy.arange(len(keys)) if differ is None else differ != differ[first]
    for index in numpy.flatnonzero(found & (keys != 0)).tolist():
        yield Repeated(rule, index + 1, int(first[index]) + 1)


def compare_rows(
    path: Path,
    dataset_format: DatasetFormat,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> ComparedRows:
    """Read every row and return what it is compared by.

    Args:
        path: A regular file.
        dataset_format: What the rows are read as.
        on_progress: Called with (bytes done, bytes in all).
        cancelled: True ends the pass.

    Raises:
        TunedeckError: The file can't be read or is rewritten meanwhile.
        PassCancelled: `cancelled` returned True.
    """
    import numpy

    parts = ask_every_line(
        path,
        {"kind": "compare", "format": dataset_format.value},
        on_progress=on_progress,
        cancelled=cancelled,
        seconds_for_part=SECONDS_FOR_PART,
    )
    found = [numpy.frombuffer(part.payload, dtype=numpy.uint64).reshape(3, part.lines) for part in parts]
    whole = numpy.concatenate(found, axis=1) if found else numpy.zeros((3, 0), dtype=numpy.uint64)
    return ComparedRows(*whole)


class CompareJob:
    """Reads each row once; the payload is a hash of each row, then of each question, then of each answer."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._format = DatasetFormat(job["format"])
        self._findings = RowFindings(FindingCollector())

    def part(self, lines: list[bytes], *, is_first: bool) -> tuple[dict[str, Any], bytes]:
        """Return the payload; the hashes are those of the check's own rules."""
        rows, questions, answers = (array("Q", bytes(8 * len(lines))) for _ in range(3))
        for index, line in enumerate(lines):
            if is_first and index == 0:
                line = line.removeprefix(BYTE_ORDER_MARK)
            if not line or line.isspace():
                continue
            value, problem = parse_line(line)
            if problem is not None:
                continue
            rows[index] = xxh3_64_intdigest(line.strip())
            if not isinstance(value, dict):
                continue
            with suppress(RecursionError):  # such a row has a finding of its own
                parts = question_and_answer(LintRow(index, line, value, self._format, self._findings))
                if parts is not None:
                    questions[index], answers[index] = map(xxh3_64_intdigest, parts)
        return {}, b"".join(each.tobytes() for each in (rows, questions, answers))
