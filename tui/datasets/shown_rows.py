"""Facts about the rows of a file turned into facts about the rows that are shown, with the changes to them.

Edited and new rows are judged as a small file of their own, by the same passes as the large one; all others
keep what was found in the file. Where the file is small itself, all rows are judged so: what rules
that compare rows find may have changed for rows that were not touched. In a larger one that is found by
`tui.datasets.judged_rows`.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.datasets.facets import FROM_REPORT, Facets
from tui.datasets.row_filter import Filtered
from tui.datasets.search import Hits
from tui.datasets.source import Dataset
from tui.errors import TunedeckError

if TYPE_CHECKING:
    import numpy

    from tui.datasets.edits.snapshot import Snapshot

    Numbers = numpy.ndarray[Any, numpy.dtype[numpy.uint32]]
    """Numbers of rows or of lines, from 1."""


WHOLE_BYTES = 4 << 20
"""Of files up to this size all rows are judged anew, after each change: a third of a second of computing."""


class ShownRows:
    """Where the lines of the file stand now, and a small file of those rows that are judged anew.

    Args:
        snapshot: The rows as they are shown.
        dataset: The file without changes, its index complete.

    Raises:
        TunedeckError: The small file can't be written, or the file changed.
    """

    def __init__(self, snapshot: Snapshot, dataset: Dataset) -> None:
        import numpy

        self.version = snapshot.version
        self.who = who = snapshot.who
        """Line of the file of each row, negative for new ones."""
        line_count = dataset.row_count
        self.is_whole = dataset.size <= WHOLE_BYTES
        """All rows are judged anew."""
        changed = who.tolist() if self.is_whole else sorted(snapshot.contents)
        self.changed = changed
        """Rows that are judged anew, edited and new ones at least: the lines of the small file, in order."""
        numbers = numpy.arange(1, len(who) + 1, dtype=numpy.uint32)
        self._number_of = numpy.zeros(line_count + 1, dtype=numpy.uint32)
        is_line = (who >= 1) & (who <= line_count)
        self._number_of[who[is_line]] = numbers[is_line]
        self._is_changed = numpy.isin(who, numpy.array(changed, dtype=numpy.int64))
        by_identity: dict[int, int] = dict(
            zip(who[self._is_changed].tolist(), numbers[self._is_changed].tolist(), strict=True)
        )
        self._numbers_by_identity = by_identity
        self._numbers_of_changed = numpy.array([by_identity[one] for one in changed], dtype=numpy.uint32)
        of_file = [one for one in changed if one > 0]
        self._lines_in_place = self._number_of.copy()
        self._lines_in_place[of_file] = 0
        contents = snapshot.contents
        rows = (contents[one] if one in contents else dataset.line(one) for one in changed)
        self.dataset = _small_file(self, rows) if changed else None
        """The small file, open and indexed; None when there is no row for it. It goes with this object."""

    def __len__(self) -> int:
        return len(self.who)

    def number_of(self, who: int) -> int:
        """Return the number of a line of the file, or of an edited or new row; 0 when it was deleted."""
        if who in self._numbers_by_identity:
            return self._numbers_by_identity[who]
        return int(self._number_of[who]) if 0 < who < len(self._number_of) else 0

    # Facts

    def numbers(self, of_file: Iterable[int], of_changed: Iterable[int]) -> Numbers:
        """Return the numbers of rows.

        Args:
            of_file: Lines of the file; those that were changed or deleted do not count.
            of_changed: Lines of the small file.
        """
        import numpy

        lines = numpy.fromiter(of_file, dtype=numpy.int64)
        kept = self._lines_in_place[lines[lines < len(self._lines_in_place)]]
        changed = numpy.fromiter(of_changed, dtype=numpy.int64)
        both = numpy.concatenate([kept[kept > 0], self._numbers_of_changed[changed - 1]])
        return numpy.unique(both).astype(numpy.uint32)

    def values(self, of_file: Any, of_changed: Any) -> Any:
        """Return one value for each row.

        Args:
            of_file: One for each line of the file.
            of_changed: One for each line of the small file; None where there is none.
        """
        import numpy

        found = numpy.zeros(len(self.who), dtype=of_file.dtype)
        in_file = (self.who >= 1) & (self.who <= len(of_file))
        found[in_file] = of_file[self.who[in_file] - 1]
        if of_changed is not None:
            found[self._numbers_of_changed.astype(numpy.int64) - 1] = of_changed[: len(self.changed)]
        return found

    def facets(self, of_file: Facets, of_changed: Facets | None) -> Facets:
        """Return the facets of the rows shown, by their numbers."""
        flags = self.values(of_file.flags, of_changed.flags if of_changed else None)
        hashes = self.values(of_file.hashes, of_changed.hashes if of_changed else None)
        facets = Facets(flags, hashes)
        for name in FROM_REPORT:
            if of_file.knows(name):
                facets.add_lines(
                    name,
                    self.numbers(of_file.lines(name), of_changed.lines(name) if of_changed else ()).tolist(),
                    is_partial=of_file.is_partial(name)
                    or (of_changed is not None and of_changed.is_partial(name)),
                )
        return facets

    def filtered(self, of_file: Filtered, of_changed: Filtered | None) -> tuple[Numbers, int, str]:
        """Return the rows that an expression holds for, how many refused it, and why the first did."""
        numbers = self.numbers(of_file.lines, of_changed.lines if of_changed else ())
        if of_changed is None or not of_changed.refused:
            return numbers, of_file.refused, of_file.first_refusal
        refused = of_file.refused + of_changed.refused
        why = of_file.first_refusal or f"a changed row: {of_changed.first_refusal.partition(': ')[2]}"
        return numbers, refused, why

    def hits(self, of_file: Hits, of_changed: Hits) -> Hits:
        """Return the rows that hold what was looked for now, by who they are: new ones first.

        Args:
            of_file: What was found in the file as it is on the disk.
            of_changed: What was found in the small file.
        """
        import numpy

        who = numpy.array(self.changed, dtype=numpy.int64)[
            numpy.array(of_changed.lines, dtype=numpy.int64) - 1
        ]
        lines = numpy.array(of_file.lines, dtype=numpy.int64)
        stays = lines < len(self._lines_in_place)
        stays[stays] = self._lines_in_place[lines[stays]] > 0
        both = numpy.concatenate([lines[stays], who])
        order = numpy.argsort(both, kind="stable")
        columns, lengths = (
            numpy.concatenate(
                [numpy.array(theirs, dtype=numpy.uint32)[stays], numpy.array(ours, dtype=numpy.uint32)]
            )
            for theirs, ours in (
                (of_file.columns, of_changed.columns),
                (of_file.lengths, of_changed.lengths),
            )
        )
        return Hits(
            array("q", both[order].tobytes()),
            array("I", columns[order].tobytes()),
            array("I", lengths[order].tobytes()),
            found=of_file.found - int((~stays).sum()) + len(who),
        )


def _small_file(owner: object, rows: Iterable[bytes]) -> Dataset:
    """Write rows to a file that is only ours to read, and that is removed with its owner."""
    try:
        folder = tempfile.mkdtemp(prefix="tunedeck-rows-")
        weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
        path = Path(folder) / "changed.jsonl"
        with path.open("wb") as stream:
            stream.writelines(row + b"\n" for row in rows)
    except OSError as error:
        raise TunedeckError(
            f"The changed rows can't be judged: {error.strerror or error}.",
            "Make room in the temporary folder.",
        ) from None
    dataset = Dataset.open(path)
    weakref.finalize(owner, dataset.close)
    dataset.build_index()
    return dataset
