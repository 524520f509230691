"""Which rows of a file each fix would change, and the changing of them as one step that can be undone."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tui.datasets.facet_flags import row_hash
from tui.datasets.fixes import FIXES
from tui.datasets.fixes.fix_file import REPEATED, fix_row
from tui.datasets.fixes.row_rules import judge
from tui.datasets.formats import DatasetFormat
from tui.datasets.parsing import BYTE_ORDER_MARK
from tui.datasets.row_pass import PassCancelled, ask_every_line
from tui.datasets.rules import RULES, severities_at
from tui.datasets.services import DEFAULT_SERVICE
from tui.errors import TunedeckError

if TYPE_CHECKING:
    from tui.datasets.edits import EditedDataset

SECONDS_FOR_PART = 300.0
Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]
_MARK = ("byte-order-mark-inside", "byte-order-mark")
"""Rules about a mark before the JSON: which one can't be, of a first row and of another."""
RowIdentity = int
"""Line of the file, or the negative number of a row that is new."""


def rules_with_fix(provider: str = DEFAULT_SERVICE, *, lints: bool = False) -> tuple[str, ...]:
    """Return the rules that have a fix and matter at a provider, in the order of applying them.

    Args:
        provider: Whose rules.
        lints: Also those that are about quality, and rows that stand twice.
    """
    known = severities_at(provider)
    return tuple(
        rule
        for rule, fix in FIXES.items()
        if rule in known
        and (rule == REPEATED or not fix.needs_finding)
        and (lints or not (RULES[rule].lints or fix.needs_finding))
    )


class FixPlan:
    """Rows that each fix would change, kept true while fixes are applied and undone.

    The file is read once; after a change only rows that differ from the file are looked at again.

    Args:
        dataset: The file with its changes.
        rules: Whose fixes.
        dataset_format: Of the file.
    """

    def __init__(self, dataset: EditedDataset, rules: Sequence[str], dataset_format: DatasetFormat) -> None:
        self._dataset = dataset
        self.rules = tuple(rules)
        self.format = dataset_format
        self._in_file: dict[str, Any] = {}
        """Rule -> numpy array of lines, ascending, of the file as it is on the disk."""
        self._hashes: Any = None
        """Of each line of the file, as `Facets.hashes`; None while repeated rows are not asked for."""
        self._rows: dict[str, list[RowIdentity]] = {}
        self._to_remove: frozenset[RowIdentity] = frozenset()
        """The repeated rows, for a quick look."""

    def rows(self, rule: str) -> Sequence[RowIdentity]:
        """Return the rows that a rule's fix would change, those of the file in its order, new ones last."""
        return self._rows.get(rule, ())

    def rules_of(self, row: RowIdentity) -> list[str]:
        """Return the rules whose fixes would change a row."""
        return [rule for rule in self.rules if row in self._rows.get(rule, ())]

    def find(
        self, on_progress: Progress | None = None, cancelled: Cancelled = lambda: False
    ) -> None:  # fmt: skip
        """Read the whole file.

        Raises:
            TunedeckError: It can't be read, or is rewritten meanwhile.
            PassCancelled: `cancelled` returned True.
        """
        import numpy

        found: dict[str, list[Any]] = {rule: [] for rule in self.rules}
        asked = [rule for rule in self.rules if rule != REPEATED]
        job = {"kind": "fixes", "rules": asked, "format": self.format.value}
        parts = ask_every_line(
            self._dataset.path, job, on_progress=on_progress, cancelled=cancelled,
            seconds_for_part=SECONDS_FOR_PART,
        )  # fmt: skip
        for part in parts:
            pairs = numpy.frombuffer(part.payload, dtype=numpy.uint32).reshape(-1, 2)
            for at, rule in enumerate(asked):
                found[rule].append(pairs[pairs[:, 1] == at, 0] + part.first_line)
        self._in_file = {
            rule: numpy.concatenate(lines) if lines else numpy.zeros(0, dtype=numpy.uint32)
            for rule, lines in found.items()
        }
        if REPEATED in self.rules:
            from tui.datasets.facets import find_facets

            facets = find_facets(self._dataset.path, on_progress=on_progress, cancelled=cancelled)
            self._hashes = facets.hashes
            self._dataset.build_index(cancelled=cancelled)
        self.refresh(on_progress, cancelled)

    def refresh(
        self, on_progress: Progress | None = None, cancelled: Cancelled = lambda: False
    ) -> None:  # fmt: skip
        """Look again at the rows that differ from the file.

        Raises:
            PassCancelled: `cancelled` returned True.
        """
        changed = self._dataset.changed_rows()
        gone = self._dataset.deleted_lines()
        looked_at = sorted({*changed, *self._first_rows()} - gone)
        apart = gone.union(looked_at)
        rows = {
            rule: [line for line in lines.tolist() if line not in apart]
            for rule, lines in self._in_file.items()
        }
        if self._hashes is not None:
            rows[REPEATED] = self._repeated(looked_at)
        for done, who in enumerate(looked_at):
            if cancelled():
                raise PassCancelled
            number = self._dataset.number_of(who)
            if number is None:
                continue
            line = self._dataset.line(number)
            for rule in fixable_rules(line, self.rules, self.format, is_first=number == 1):
                rows[rule].append(who)
            if on_progress:
                on_progress(done, len(looked_at))
        self._rows = {rule: _in_file_order(found) for rule, found in rows.items()}
        self._to_remove = frozenset(self._rows.get(REPEATED, ()))

    def _first_rows(self) -> set[RowIdentity]:
        """Return the line that is the first of the file, and the one that is first now."""
        try:
            first = self._dataset.original_number(1)
        except TunedeckError:
            return set()  # every row was deleted
        return {1} if first is None else {1, first}

    def _repeated(self, looked_at: Iterable[RowIdentity]) -> list[RowIdentity]:
        """Return the rows that stand before, in the order and with the contents that are shown now.

        Args:
            looked_at: Rows whose hashes of the file hold no more: changed ones, and those that are first, or
                were: a mark is no part of a first row alone.
        """
        import numpy

        from tui.datasets.facets import repeated_rows

        who = self._dataset.order()
        hashes = numpy.zeros(len(who), dtype=numpy.uint64)
        in_file = (who > 0) & (who <= len(self._hashes))
        hashes[in_file] = self._hashes[who[in_file] - 1]
        for one in looked_at:
            number = self._dataset.number_of(one)
            if number is not None:
                line = self._dataset.line(number)
                stripped = (line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line).strip()
                hashes[number - 1] = numpy.frombuffer(row_hash(stripped), dtype=numpy.uint64)[0]
        found, _ = repeated_rows(hashes)
        rows: list[RowIdentity] = who[found.astype(numpy.int64) - 1].tolist()
        return rows

    def after(self, row: RowIdentity, rules: Collection[str]) -> tuple[bytes, tuple[bytes, ...]] | None:
        """Return a row and what the fixes of some rules make of it; None when it is not there any more.

        Raises:
            TunedeckError: The file changed.
        """
        number = self._dataset.number_of(row)
        if number is None:
            return None
        before = self._dataset.line(number)
        if REPEATED in rules and row in self._to_remove:
            return before, ()
        return before, fix_row(before, rules, self.format)[0]

    def apply(
        self,
        rules: Sequence[str],
        rows: Iterable[RowIdentity] | None = None,
        on_progress: Progress | None = None,
        cancelled: Cancelled = lambda: False,
    ) -> int:
        """Apply the fixes of some rules as one change and return how many rows it changed.

        Args:
            rules: Whose fixes.
            rows: To these rows; None to all that they would change.
            on_progress: Called with (rows done, rows in all).
            cancelled: True takes everything back.

        Raises:
            TunedeckError: The journal can't be written, or the file changed; nothing was changed.
            PassCancelled: `cancelled` returned True; nothing was changed.
        """
        wanted = {row for rule in rules for row in self.rows(rule)} if rows is None else set(rows)
        places = ((self._dataset.number_of(row), row) for row in wanted)
        in_order = sorted((number, row) for number, row in places if number is not None)
        done = 0
        with self._dataset.change(_label(rules, len(in_order))) as editor:
            for number, row in reversed(in_order):
                if cancelled():
                    raise PassCancelled
                result = self.after(row, rules)
                if result is not None and result[1] != (result[0],):
                    editor.replace(number, result[1])
                    done += 1
                if on_progress:
                    on_progress(done, len(in_order))
        return done


def _in_file_order(rows: list[RowIdentity]) -> list[RowIdentity]:
    return sorted(rows, key=lambda who: (who < 0, abs(who)))


def _label(rules: Sequence[str], rows: int) -> str:
    what = FIXES[rules[0]].name if len(rules) == 1 else f"{len(rules)} fixes"
    return f"{what}, {rows:,} row{'' if rows == 1 else 's'}"


def fixable_rules(
    line: bytes, rules: Sequence[str], dataset_format: DatasetFormat, *, is_first: bool
) -> Iterator[str]:
    """Yield the rules whose fix would change a row.

    Args:
        line: Without its line end.
        rules: To try; those that need the whole file are left out.
        dataset_format: Of the file.
        is_first: The row is the first of the file, where a byte order mark is another finding than elsewhere.
    """
    verdict = judge(line, dataset_format)
    found = verdict.rules
    for rule in rules:
        fix = FIXES[rule]
        if (
            fix.needs_finding
            or rule == _MARK[0 if is_first else 1]
            or not (rule in found or fix.finds_itself)
        ):
            continue
        if fix.apply(line, None, dataset_format, verdict=verdict) is not None:
            yield rule


class FixJob:
    """Tries each fix on each row; the payload is two 32-bit numbers, line and rule, for each success."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._rules: tuple[str, ...] = tuple(job["rules"])
        self._format = DatasetFormat(job["format"])

    def part(self, lines: list[bytes], *, is_first: bool) -> tuple[dict[str, Any], bytes]:
        """Return the pairs; the line counts from 0 within the part."""
        pairs = array("I")
        for number, line in enumerate(lines):
            begins = is_first and number == 0
            for rule in fixable_rules(line, self._rules, self._format, is_first=begins):
                pairs.extend((number, self._rules.index(rule)))
        return {}, pairs.tobytes()
