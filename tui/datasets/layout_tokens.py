"""Tokens of rows by the model's own layout, where that is known; else by the formulas of `row_tokens`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from tui.datasets.formats import DatasetFormat, row_format
from tui.datasets.row_tokens import RowTokenCounter, RowTokens
from tui.datasets.token_segments import RowReader, Segment, SpanKind
from tui.datasets.tokens import TextTokenizer
from tui.errors import TunedeckError


class RowCounter(Protocol):
    """Counts rows and keeps the sum per role."""

    by_role: Counter[str]

    def row(self, value: object, dataset_format: DatasetFormat) -> RowTokens:
        """Return the tokens of a parsed row."""


def row_counter(
    tokenizer: TextTokenizer, limit: int | None, by_role: Counter[str] | None = None
) -> RowCounter:
    """Return who counts rows with a tokenizer.

    Args:
        tokenizer: A vocabulary, or a model that lays rows out by itself.
        limit: Most tokens of an example, or None.
        by_role: Receives the sums by role; None makes them anew.
    """
    sums: Counter[str] = Counter() if by_role is None else by_role
    if isinstance(tokenizer, RowReader):
        return LayoutCounter(tokenizer, limit, sums)
    return RowTokenCounter(tokenizer, sums)


def role_of(segment: Segment) -> str:
    """Return under which name a report sums a segment."""
    own = segment.kind in (SpanKind.FRAMING, SpanKind.TOOLS)
    return segment.kind.value if own else segment.role


class LayoutCounter:
    """Counts what a trainer reads: each sequence up to the limit, and no row that teaches nothing."""

    def __init__(self, reader: RowReader, limit: int | None, by_role: Counter[str]) -> None:
        self.by_role = by_role
        self._reader = reader
        self._limit = limit

    def row(self, value: object, dataset_format: DatasetFormat) -> RowTokens:
        """Return the tokens of a parsed row; one that the template refuses is counted by formula."""
        if not isinstance(value, dict):
            return RowTokens()
        try:
            segments = self._reader.row_segments(value, _known(value, dataset_format))
        except TunedeckError:
            return self._by_formula(value, dataset_format)
        for segment in segments:
            self.by_role[role_of(segment)] += segment.tokens
        return layout_tokens(segments, self._limit)

    def _by_formula(self, value: object, dataset_format: DatasetFormat) -> RowTokens:
        counter = RowTokenCounter(self._reader, self.by_role)
        return counter.row(value, dataset_format)


def _known(value: object, dataset_format: DatasetFormat) -> DatasetFormat:
    return row_format(value) if dataset_format is DatasetFormat.UNKNOWN else dataset_format


def layout_tokens(segments: Sequence[Segment], limit: int | None) -> RowTokens:
    """Return the sums of a row that a model laid out.

    Args:
        segments: In the order of reading.
        limit: Most tokens of a sequence, or None.
    """
    totals: Counter[int] = Counter()
    learned: Counter[int] = Counter()
    trained = 0
    for segment in segments:
        before = totals[segment.sequence]
        totals[segment.sequence] += segment.tokens
        trained += segment.tokens if segment.trained else 0
        room = segment.tokens if limit is None else max(0, min(segment.tokens, limit - before))
        learned[segment.sequence] += room if segment.trained else 0
    kept = {number: total if limit is None else min(total, limit) for number, total in totals.items()}
    total = sum(totals.values())
    read = [number for number in totals if learned[number]]
    if any(segment.part for segment in segments) and len(read) < len(totals):
        read = []  # one of a preference's answers alone teaches nothing
    return RowTokens(total, trained, sum(kept[number] for number in read), total - sum(kept.values()))
