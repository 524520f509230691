"""Adds up tokens over a file and finds examples that are too long."""

from __future__ import annotations

import heapq
from array import array
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
            self._counter = row_counter(self._tokenizer or engine_for(self._encoding), self._limit)
        tokens = self._counter.row(value, dataset_format)
        self._per_row.append(tokens.total)
        self._trained += tokens.trained
        self._note_longest(tokens.total, row.line)
        cut = max(0, tokens.total - self._limit) if self._limit is not None else 0
        cut = cut if tokens.cut is None else tokens.cut
        self._spread.add(row.line, tokens.total, self._counter.by_role, is_cut=cut > 0)
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
            by_role=dict(self._counter.by_role) if self._counter else {},
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
