"""Adds up tokens over a file and finds examples that are too long."""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from typing import Any

from tui.datasets.engines.choose import engine_for
from tui.datasets.findings import RowFindings
from tui.datasets.formats import DatasetFormat
from tui.datasets.layout_tokens import RowCounter, row_counter
from tui.datasets.report import Distribution, TokenSummary
from tui.datasets.token_spread import SpreadBuilder
from tui.datasets.tokens import TextTokenizer

LONGEST_KEPT = 10


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
        if self._counter is None:
            self._counter = row_counter(
                self._tokenizer or engine_for(self._encoding), self._limit, self._by_role
            )
        tokens = self._counter.row(value, dataset_format)
        self._per_row.append(tokens.total)
        self._trained += tokens.trained
        self._note_longest(tokens.total, row.line)
        cut = max(0, tokens.total - self._limit) if self._limit is not None else 0
        cut = cut if tokens.cut is None else tokens.cut
        self._spread.add(row.line, tokens.total, self._by_role, is_cut=cut > 0)
        self._per_epoch += tokens.total - cut if tokens.billed is None else tokens.billed
        if cut:
            self._report_too_long(row, tokens.total, cut)

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
            by_role=dict(self._by_role),
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
