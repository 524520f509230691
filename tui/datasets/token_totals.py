"""Adds up tokens over a file and finds examples that are too long."""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tui.datasets.engines.choose import engine_for
from tui.datasets.findings import RowFindings
from tui.datasets.formats import DatasetFormat
from tui.datasets.layout_tokens import RowCounter, row_counter
from tui.datasets.plain_rows import PLAIN_ROLES, PlainRows
from tui.datasets.plain_tokens import PlainSums, sums_by_role
from tui.datasets.report import Distribution, TokenSummary
from tui.datasets.row_tokens import TOKENS_PER_MESSAGE, RowTokenCounter, RowTokens
from tui.datasets.token_spread import SpreadBuilder
from tui.datasets.tokens import TextTokenizer

if TYPE_CHECKING:
    from tui.datasets.plain_tokens import Counts

LONGEST_KEPT = 10
_ORDER = ("framing", "system", "developer", "user", "assistant", "tool", "function", "prompt", "completion")
"""In which order roles are named; others follow."""


def _place(role: str) -> tuple[int, str]:
    return (_ORDER.index(role) if role in _ORDER else len(_ORDER)), role


def _array(counts: Counts) -> array[int]:
    made = array("I")
    made.frombytes(counts.astype(f"u{made.itemsize}").tobytes())
    return made


class TokenTotals:
    """Tokens of the rows so far; 4 bytes are kept per row.

    Args:
        encoding: Name of the vocabulary, for the summary.
        limit: Most tokens of an example, or None.
        tokenizer: Counts; None takes the shipped vocabulary of that name, loaded at the first row.
        enabled: False counts nothing.
    """

    def __init__(
        self, encoding: str, limit: int | None, tokenizer: TextTokenizer | None, *, enabled: bool
    ) -> None:
        self._encoding = encoding
        self._limit = limit
        self._tokenizer = tokenizer
        self._enabled = enabled
        self._counter: RowCounter | None = None
        self._by_role: Counter[str] = Counter()
        self._row_sums: Counter[str] = Counter()
        """By role, of the row that is being counted."""
        self._per_row = array("I")
        self._trained = 0
        self._over_limit = 0
        self._lost = 0
        self._per_epoch = 0
        self._longest: list[tuple[int, int]] = []
        self._spread = SpreadBuilder(limit)

    def add(self, row: RowFindings, value: dict[str, Any], dataset_format: DatasetFormat) -> None:
        """Count one row, and report it when it is too long."""
        if not self._enabled:
            return
        self._row_sums.clear()
        self._add(row, self._row_counter().row(value, dataset_format), self._row_sums)

    def _row_counter(self) -> RowCounter:
        if self._counter is None:
            tokenizer = self._tokenizer or engine_for(self._encoding)
            self._counter = row_counter(tokenizer, self._limit, self._row_sums)
        return self._counter

    def _add(self, row: RowFindings, tokens: RowTokens, by_role: Mapping[str, int]) -> None:
        total, limit = tokens.total, self._limit
        self._per_row.append(total)
        self._trained += tokens.trained
        for role, count in by_role.items():
            self._by_role[role] += count
            self._spread.add_role(role, count)
        self._note_longest(total, row.line)
        cut = total - limit if limit is not None and total > limit else 0
        cut = cut if tokens.cut is None else tokens.cut
        self._spread.add_row(row.line, total, cut > 0)
        self._per_epoch += total - cut if tokens.billed is None else tokens.billed
        if cut:
            self._report_too_long(row, total, cut)

    def add_plain(self, first_line: int, rows: PlainRows) -> Mapping[int, int] | None:
        """Count the plain ones of some rows at once; the numbers are those of `add`.

        Args:
            first_line: Number of the first line of them all.
            rows: The plain ones.

        Returns:
            Line -> tokens of those that are too long, for `report_plain` at their turn; None where these rows
            are to be counted one by one by `add`.
        """
        counter = self._row_counter() if self._enabled else None
        if not isinstance(counter, RowTokenCounter):
            return None
        if not rows.places:
            return {}
        counts = engine_for(self._encoding, self._tokenizer).counts(rows.texts)
        framing = {role: TOKENS_PER_MESSAGE + counter.text(role) for role in PLAIN_ROLES}
        sums = sums_by_role(rows.roles, counts, framing)
        self._trained -= sum(counts[index] for index, weight in rows.weights.items() if weight == 0)
        return self._add_plain([first_line + place for place in rows.places], sums)

    def _add_plain(self, lines: list[int], sums: PlainSums) -> Mapping[int, int]:
        import numpy  # 80 ms that `--help` must not pay

        for role, tokens in sums.by_role.items():
            self._by_role[role] += int(tokens.sum())
            self._spread.add_roles(role, _array(tokens[tokens > 0]))
        self._trained += int(sums.by_role["assistant"].sum())
        is_over = sums.totals > self._limit if self._limit is not None else numpy.zeros(len(lines), bool)
        kept = sums.totals[~is_over]
        self._spread.add_rows(_array(kept))
        self._per_row.extend(_array(kept))
        self._per_epoch += int(kept.sum())
        if len(kept):
            least = int(numpy.partition(kept, -min(LONGEST_KEPT, len(kept)))[-min(LONGEST_KEPT, len(kept))])
            if len(self._longest) == LONGEST_KEPT:
                least = max(least, self._longest[0][0])
            for index in numpy.flatnonzero(~is_over & (sums.totals >= least)).tolist():
                self._note_longest(int(sums.totals[index]), lines[index])
        return {lines[index]: int(sums.totals[index]) for index in numpy.flatnonzero(is_over).tolist()}

    def report_plain(self, row: RowFindings, total: int) -> None:
        """Note a plain row that is too long, of which `add_plain` has counted the tokens by role."""
        self._add(row, RowTokens(total), {})

    def _note_longest(self, total: int, line: int) -> None:
        entry = (total, -line)
        if len(self._longest) < LONGEST_KEPT:
            heapq.heappush(self._longest, entry)
        elif entry > self._longest[0]:
            heapq.heapreplace(self._longest, entry)

    def _report_too_long(self, row: RowFindings, total: int, lost: int) -> None:
        self._over_limit += 1
        self._lost += lost
        row.add(
            "over-token-limit",
            f"The example has {total:,} tokens, and the model reads {self._limit:,}: "
            f"the last {lost:,} are cut.",
        )

    def merge(self, later: TokenTotals) -> None:
        """Take over what was counted in the part of the file that follows."""
        self._per_row.extend(later._per_row)
        self._trained += later._trained
        self._over_limit += later._over_limit
        self._lost += later._lost
        self._per_epoch += later._per_epoch
        for total, line in later._longest:
            self._note_longest(total, -line)
        self._spread.merge(later._spread)
        self._by_role.update(later._by_role)

    def state(self) -> Any:
        """Return all of it as plain values, for another process or a file."""
        return [
            self._per_row.tobytes(), self._trained, self._over_limit, self._lost, self._per_epoch,
            self._longest, self._spread.state(), dict(self._by_role),
        ]  # fmt: skip

    def restore(self, state: Any) -> None:
        """Make fresh totals what those were that `state` came from."""
        per_row, self._trained, self._over_limit, self._lost, self._per_epoch, *rest = state
        longest, spread, by_role = rest
        self._per_row = array("I", per_row)
        self._longest = [(total, line) for total, line in longest]
        self._spread.restore(spread)
        self._by_role.update(by_role)

    def summary(self) -> TokenSummary:
        """Return the sums of all rows added."""
        total = sum(self._per_row)
        return TokenSummary(
            encoding=self._encoding,
            total=total,
            trained=self._trained,
            per_epoch=self._per_epoch,
            over_limit=self._over_limit,
            limit=self._limit,
            by_role={role: self._by_role[role] for role in sorted(self._by_role, key=_place)},
            longest=tuple((-line, count) for count, line in sorted(self._longest, reverse=True)),
            per_example=self._distribution(total),
            lost_tokens=self._lost,
            examples=len(self._per_row),
            spread=self._spread.spread(),
        )

    def _distribution(self, total: int) -> Distribution:
        if not self._per_row:
            return Distribution()
        import numpy

        counts = numpy.frombuffer(self._per_row, dtype=numpy.uint32)
        median, p95 = (float(value) for value in numpy.percentile(counts, [50, 95]))
        mean = round(total / len(counts), 6)
        return Distribution(int(counts.min()), mean, round(median, 6), round(p95, 6), int(counts.max()))
