"""Sequences laid end to end as rows, without padding, sharing the rows of a common beginning.

Examples of one data set mostly start with the same system prompt, and a preferred and a rejected answer
always share their prompt. Rows of such a prefix are computed once and attended to by every sequence of the
group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tui.engine.llama.tokenizer import NO_TARGET, TrainingExample

Array = npt.NDArray[Any]

SMALLEST_PREFIX = 4
"""Tokens; a shorter common beginning is not worth the bookkeeping."""
DENSE_ROWS = 192
"""Up to so many rows one masked attention over everything is cheaper than one per sequence (measured)."""


@dataclass(frozen=True, slots=True)
class AttentionSpan:
    """Rows that attend to themselves and to what stands before them.

    `mask` [queries, keys] holds 0 or -inf where one is needed for all keys; without it a query sees all rows
    of `prefix` and the rows of `rows` up to its own.
    """

    rows: slice
    prefix: slice
    mask: Array | None = None

    @property
    def prefix_length(self) -> int:
        """Number of rows before `rows` that are seen."""
        return int(self.prefix.stop - self.prefix.start)


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """Rows ready for the forward pass."""

    ids: Array
    positions: Array
    spans: tuple[AttentionSpan, ...]
    target_rows: Array
    """Rows at which something is learned."""
    targets: Array
    """The token to learn at each of `target_rows`."""
    sequence_of_target: Array
    """Which of the packed sequences each target belongs to, counted from 0."""
    sequences: int

    @property
    def rows(self) -> int:
        """Number of rows to compute."""
        return len(self.ids)


def pack(groups: Sequence[Sequence[TrainingExample]]) -> PackedBatch:
    """Lay out examples; those of one group share the rows of their common beginning."""
    ids: list[Array] = []
    targets: list[Array] = []
    positions: list[Array] = []
    owners: list[Array] = []
    spans: list[AttentionSpan] = []
    offset = sequence = 0

    def add(example: TrainingExample, start: int, end: int, prefix: slice, owner: int) -> slice:
        nonlocal offset
        rows = slice(offset, offset + end - start)
        ids.append(example.ids[start:end])
        targets.append(example.targets[start:end])
        positions.append(np.arange(start, end))
        owners.append(np.full(end - start, owner))
        spans.append(AttentionSpan(rows, prefix))
        offset = rows.stop
        return rows

    for group in groups:
        shared = shared_prefix(group)
        prefix = slice(offset, offset)
        if shared:
            prefix = add(group[0], 0, shared, prefix, NO_TARGET)
        for example in group:
            add(example, shared, len(example.ids), prefix, sequence)
            sequence += 1
    all_targets = np.concatenate(targets)
    target_rows = np.flatnonzero(all_targets != NO_TARGET)
    return PackedBatch(
        np.concatenate(ids),
        np.concatenate(positions),
        _merged(spans, offset),
        target_rows,
        all_targets[target_rows],
        np.concatenate(owners)[target_rows],
        sequence,
    )


def shared_prefix(group: Sequence[TrainingExample]) -> int:
    """Return how many first tokens all share without learning there; each keeps one row of its own."""
    if len(group) < 2:
        return 0
    limit = min(len(example.ids) for example in group) - 1
    for example in group:
        learned = np.flatnonzero(example.targets[:limit] != NO_TARGET)
        limit = min(limit, int(learned[0])) if len(learned) else limit
        different = np.flatnonzero(example.ids[:limit] != group[0].ids[:limit])
        limit = int(different[0]) if len(different) else limit
    return limit if limit >= SMALLEST_PREFIX else 0


def _merged(spans: list[AttentionSpan], rows: int) -> tuple[AttentionSpan, ...]:
    """Replace many short spans by one masked span over all rows."""
    if len(spans) == 1 or rows > DENSE_ROWS:
        return tuple(spans)
    mask = np.full((rows, rows), -np.inf, np.float32)
    for span in spans:
        mask[span.rows, span.prefix] = 0
        own = mask[span.rows, span.rows]
        own[np.tril_indices(len(own))] = 0
    return (AttentionSpan(slice(0, rows), slice(0, 0), mask),)
