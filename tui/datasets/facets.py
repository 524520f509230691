"""What the rows of a file have, counted: roles, tools, images, errors, repeated rows; 10 bytes for each row.

Structure and repetition come from one pass of their own. Errors, warnings and rows that are too long come
from a report of the check, which keeps at most 1,000 findings of a rule: a count that may be too low says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.datasets.facet_flags import Has
from tui.datasets.row_pass import ask_every_line
from tui.errors import TunedeckError

if TYPE_CHECKING:
    import numpy

    from tui.datasets.report import Report

    Lines = numpy.ndarray[Any, numpy.dtype[numpy.uint32]]
    """Line numbers from 1, ascending."""

SECONDS_FOR_PART = 120.0
_TOO_LONG = "over-token-limit"
"""Rule of the check for rows that are cut."""


@dataclass(frozen=True, slots=True)
class Facet:
    """One property that rows have or not."""

    name: str
    """As the command line takes it."""
    title: str
    """As a person reads it."""
    flag: Has | None = None
    """Where one pass over the rows finds it."""


FACETS: Mapping[str, Facet] = {
    facet.name: facet
    for facet in (
        Facet("errors", "with errors"),
        Facet("warnings", "with warnings"),
        Facet("too-long", "too long"),
        Facet("duplicate", "repeated"),
        Facet("unreadable", "no JSON object", Has.UNREADABLE),
        Facet("marked", "marked"),
        Facet("system", "system message", Has.SYSTEM),
        Facet("developer", "developer message", Has.DEVELOPER),
        Facet("user", "user message", Has.USER),
        Facet("assistant", "assistant message", Has.ASSISTANT),
        Facet("tool", "tool message", Has.TOOL),
        Facet("tools", "tools or calls", Has.TOOLS),
        Facet("images", "images", Has.IMAGES),
        Facet("thinking", "thinking", Has.THINKING),
        Facet("untrained", "answer of weight 0", Has.WEIGHT_0),
        Facet("multi-turn", "several answers", Has.SEVERAL_ANSWERS),
        Facet("blank", "blank line", Has.BLANK),
    )
}
"""Every facet by its name, in the order of the panel."""
FROM_REPORT = ("errors", "warnings", "too-long")
"""Facets that need a report of the check."""
REPORT_SEVERITIES = (("errors", "error"), ("warnings", "warning"))
"""Two of them, and the findings that they stand for."""


def facet(name: str) -> Facet:
    """Return a facet by its name.

    Raises:
        TunedeckError: There is none; names those that are.
    """
    known = FACETS.get(name)
    if known is None:
        raise TunedeckError(f'There is no facet "{name}".', f"Facets: {', '.join(FACETS)}")
    return known


class Facets:
    """The rows of each facet of one file.

    Args:
        flags: 16 bits for each line.
        hashes: 64 bits for each line, equal for equal rows; 0 for a blank line.
    """

    def __init__(
        self,
        flags: numpy.ndarray[Any, numpy.dtype[numpy.uint16]],
        hashes: numpy.ndarray[Any, numpy.dtype[numpy.uint64]],
    ) -> None:
        self.flags = flags
        self.hashes = hashes
        repeated, _ = repeated_rows(hashes)
        self._own: dict[str, Lines] = {"duplicate": repeated}
        self._partial: set[str] = set()
        self._counts: dict[str, int] = {}

    @property
    def line_count(self) -> int:
        """Lines of the file."""
        return len(self.flags)

    def add_lines(self, name: str, lines: Iterable[int], *, is_partial: bool = False) -> None:
        """Say which lines have a facet that this pass can't see.

        Args:
            name: Of the facet.
            lines: From 1.
            is_partial: There are more than those.
        """
        import numpy

        self._own[name] = numpy.unique(numpy.fromiter(lines, dtype=numpy.uint32))
        self._counts.pop(name, None)
        (self._partial.add if is_partial else self._partial.discard)(name)

    def add_report(self, report: Report) -> None:
        """Take errors, warnings and rows that are too long from a report."""
        cut = report.findings_truncated
        for name, severity in REPORT_SEVERITIES:
            found = [one for one in report.findings if one.line is not None and one.severity == severity]
            rules = {one.rule for one in found}
            self.add_lines(name, (one.line for one in found if one.line), is_partial=bool(rules & cut.keys()))
        lines = [one.line for one in report.findings if one.rule == _TOO_LONG and one.line]
        self.add_lines("too-long", lines, is_partial=_TOO_LONG in cut)

    def knows(self, name: str) -> bool:
        """Say whether the rows of a facet are known."""
        return name in self._own or facet(name).flag is not None

    def is_partial(self, name: str) -> bool:
        """Say whether more rows have a facet than are known."""
        return name in self._partial

    def count(self, name: str) -> int:
        """Return how many lines have a facet."""
        if name not in self._counts:
            self._counts[name] = len(self.lines(name))
        return self._counts[name]

    def lines(self, name: str) -> Lines:
        """Return the lines that have a facet."""
        import numpy

        if name in self._own:
            return self._own[name]
        flag = facet(name).flag
        if flag is None:
            return numpy.zeros(0, dtype=numpy.uint32)
        return (numpy.flatnonzero(self.flags & int(flag)) + 1).astype(numpy.uint32)


def find_facets(
    path: Path,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Facets:
    """Read every row and return what it has.

    Args:
        path: A regular file.
        on_progress: Called with (bytes done, bytes in all).
        cancelled: True ends the pass.

    Raises:
        TunedeckError: The file can't be read or is rewritten meanwhile.
        PassCancelled: `cancelled` returned True.
    """
    import numpy

    flags, hashes = [], []
    parts = ask_every_line(
        path,
        {"kind": "facets"},
        on_progress=on_progress,
        cancelled=cancelled,
        seconds_for_part=SECONDS_FOR_PART,
    )
    for part in parts:
        flags.append(numpy.frombuffer(part.payload, dtype=numpy.uint16, count=part.lines))
        hashes.append(numpy.frombuffer(part.payload, dtype=numpy.uint64, offset=2 * part.lines))
    if not flags:
        return Facets(numpy.zeros(0, dtype=numpy.uint16), numpy.zeros(0, dtype=numpy.uint64))
    return Facets(numpy.concatenate(flags), numpy.concatenate(hashes))


def repeated_rows(hashes: numpy.ndarray[Any, numpy.dtype[numpy.uint64]]) -> tuple[Lines, Lines]:
    """Return the rows that stood before, and for each where it stood first; `hashes` as those of `Facets`."""
    import numpy

    _, first, which = numpy.unique(hashes, return_index=True, return_inverse=True)
    is_copy = numpy.ones(len(hashes), dtype=bool)
    is_copy[first] = False
    is_copy[hashes == 0] = False  # blank lines
    copies = numpy.flatnonzero(is_copy)
    return (copies + 1).astype(numpy.uint32), (first[which[copies]] + 1).astype(numpy.uint32)
