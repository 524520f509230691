"""Clusters of rows that are almost the same, by the signatures of the near-duplicate rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from tui.datasets.formats import format_of_row
from tui.datasets.lints.minhash import VALUES, signatures
from tui.datasets.lints.near_duplicates import MOST_ROWS, compared_words, near_pairs
from tui.datasets.lints.row_text import RowText
from tui.datasets.parsing import BYTE_ORDER_MARK
from tui.datasets.reshape.keys import answer_here, refuse_longest_lines
from tui.datasets.reshape.row_table import RowTable
from tui.datasets.reshape.tracker import Tracker
from tui.datasets.row_pass import ask_every_line

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, numpy.dtype[Any]]

_SMALL = 1 << 20


class Signatures:
    """The signatures of the rows that the near-duplicate rule compares.

    Args:
        positions: Their rows, ascending.
        values: 64 bytes for each.
        exact: Hash of each row's bytes; equal rows are another rule's business.
    """

    def __init__(self, positions: Array, values: Array, exact: Array) -> None:
        self.positions = positions
        self._values = values
        self._exact = exact

    @classmethod
    def of(cls, table: RowTable, exact: Array, tracker: Tracker) -> Signatures:
        """Compute them over all cores, of the first million rows that have words enough.

        Raises:
            TunedeckError: The file can't be read or changed.
            PassCancelled: The tracker was asked to stop.
        """
        import numpy

        refuse_longest_lines(table)
        job = {"kind": "signatures", "read_as": table.read_as}
        if table.size <= _SMALL:
            parts = [answer_here(table, SignatureJob(job), tracker)]
        else:
            answers = ask_every_line(
                table.path, job, on_progress=tracker.on_progress, cancelled=tracker.cancelled
            )
            parts = [(part.facts, part.payload) for part in answers]
        compared, values, first_line = [], [], 1
        for facts, payload in parts:
            compared.append(numpy.array(facts["compared"], numpy.uint32) + numpy.uint32(first_line))
            values.append(numpy.frombuffer(payload, numpy.uint8).reshape(-1, VALUES))
            first_line += facts["count"]
        positions = table.positions_of(numpy.concatenate(compared))[:MOST_ROWS]
        table.check_unchanged()
        return cls(positions, numpy.concatenate(values)[:MOST_ROWS], exact[positions])

    def pairs(self, ours: Array | None = None, theirs: Array | None = None) -> list[tuple[int, int]]:
        """Return (row, row that it comes near), as the rules find them.

        Args:
            ours: True for each row of the table that is compared; None compares all.
            theirs: With which ones; None means with earlier ones of `ours`.
        """
        mine = self._chosen(ours)
        others = None if theirs is None else self._chosen(theirs)
        found = near_pairs(
            self._values[mine],
            self._exact[mine],
            None if others is None else self._values[others],
            None if others is None else self._exact[others],
        )
        source = self.positions[mine if others is None else others]
        own = self.positions[mine]
        return [(int(own[index]), int(source[match])) for index, match, _ in found]

    def _chosen(self, rows: Array | None) -> Array:
        import numpy

        if rows is None:
            return numpy.arange(len(self.positions))
        return numpy.flatnonzero(rows[self.positions])


class SignatureJob:
    """Makes the signatures of lines; the payload is 64 bytes for each that has words enough."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._read_as: str | None = job["read_as"]

    def part(self, lines: list[bytes], *, is_first: bool) -> tuple[dict[str, Any], bytes]:
        """Return which lines have a signature, and the signatures."""
        compared: list[int] = []
        words: list[list[str]] = []
        for number, line in enumerate(lines):
            try:
                value = orjson.loads(line.removeprefix(BYTE_ORDER_MARK) if is_first and not number else line)
            except ValueError:
                continue
            found = None
            if isinstance(value, dict):
                found = compared_words(RowText.of(value, format_of_row(value, self._read_as)))
            if found is not None:
                compared.append(number)
                words.append(found)
        return {"compared": compared, "count": len(lines)}, signatures(words)


class Groups:
    """Which rows belong together; groups can be joined.

    Args:
        keys: Rows with the same number are one group.
    """

    def __init__(self, keys: Array) -> None:
        import numpy

        self.keys, inverse = numpy.unique(keys, return_inverse=True)
        self._label = inverse.astype(numpy.int64).ravel()
        self._parent: Array = numpy.arange(len(self.keys))

    def join(self, pairs: list[tuple[int, int]]) -> bool:
        """Join the groups of each pair of rows and say whether any were two."""
        joined = False
        for one, other in pairs:
            first, second = self._root(int(self._label[one])), self._root(int(self._label[other]))
            if first != second:
                self._parent[max(first, second)] = min(first, second)
                joined = True
        return joined

    def labels(self) -> Array:
        """Return a number for each row, the same for rows of one group: an index of `keys`."""
        import numpy

        parents = self._parent
        while True:
            above = parents[parents]
            if numpy.array_equal(above, parents):
                break
            parents = above
        self._parent = parents
        result: Array = parents[self._label]
        return result

    def _root(self, label: int) -> int:
        parents = self._parent
        while int(parents[label]) != label:
            parents[label] = parents[parents[label]]
            label = int(parents[label])
        return label


def join_near(groups: Groups, near: Signatures, leaks: Callable[[Array], list[tuple[int, int]]]) -> Array:
    """Join rows that are almost the same until `leaks` finds none that were parted; return the labels.

    The rule compares a row with the first one of each band only, so one look at the whole file does not find
    every pair; what it finds once rows are parted is joined too. Each round joins groups, so this ends.
    """
    groups.join(near.pairs())
    while True:
        labels = groups.labels()
        if not groups.join(leaks(labels)):
            return labels
