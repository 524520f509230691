"""Causal attention with grouped heads over packed rows; the backward pass makes its maps again, by blocks.

Nothing of size tokens x tokens outlives a block of queries: the forward pass keeps one number per row and
head (the logarithm of the softmax denominator), as in FlashAttention (Dao et al. 2022).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tui.engine.llama.config import LlamaConfig
from tui.engine.llama.packing import AttentionSpan

Array = npt.NDArray[Any]

BLOCK_SCORES = 1 << 20
"""Scores per block of queries over all heads; 4 MB in float32, about what a core's cache holds."""
SMALLEST_BLOCK = 16
"""Queries; smaller blocks would make the matrix products slow."""


class PackedHeads:
    """Views of queries, keys and values in a [rows, qkv_width] array, by key head.

    Queries are [rows, kv_heads, heads / kv_heads, head_dim], keys and values [rows, kv_heads, head_dim].
    """

    def __init__(self, qkv: Array, config: LlamaConfig) -> None:
        rows, keys_start, values_start = len(qkv), config.query_width, config.query_width + config.key_width
        group = config.heads // config.kv_heads
        self.rotated = qkv[:, :values_start].reshape(rows, config.heads + config.kv_heads, config.head_dim)
        """Queries and keys together, which are what positions rotate."""
        self.queries = qkv[:, :keys_start].reshape(rows, config.kv_heads, group, config.head_dim)
        self.keys = qkv[:, keys_start:values_start].reshape(rows, config.kv_heads, config.head_dim)
        self.values = qkv[:, values_start:].reshape(rows, config.kv_heads, config.head_dim)


def attend(heads: PackedHeads, spans: Sequence[AttentionSpan], own: slice) -> tuple[Array, Array]:
    """Return the output [own rows, heads * head_dim] and log denominators [kv_heads, group, own rows].

    Args:
        heads: Of all rows; queries rotated and divided by sqrt(head_dim), keys rotated.
        spans: Who attends to whom.
        own: The rows whose queries are answered.
    """
    rows, (_, kv_heads, group, size) = own.stop - own.start, heads.queries.shape
    output = np.empty((rows, kv_heads, group, size), heads.queries.dtype)
    log_sums = np.empty((kv_heads, group, rows), heads.queries.dtype)
    for span in _touched(spans, own):
        keys, values = _by_head(heads.keys, span), _by_head(heads.values, span)
        for block, seen in _blocks(span, own, kv_heads * group):
            scores = _scores(_flat(heads.queries[block]), keys, span, block, seen)
            largest = scores.max(-1, keepdims=True)
            scores -= largest
            np.exp(scores, out=scores)
            sums = scores.sum(-1, keepdims=True)
            mixed = scores @ values[:, :seen]
            mixed /= sums
            count = block.stop - block.start
            local = slice(block.start - own.start, block.stop - own.start)
            output[local] = _unflat(mixed, group, count)
            np.log(sums, out=sums)
            sums += largest
            log_sums[:, :, local] = sums.reshape(kv_heads, group, count)
    return output.reshape(rows, -1), log_sums


def attend_backward(
    gradient: Array,
    output: Array,
    log_sums: Array,
    heads: PackedHeads,
    spans: Sequence[AttentionSpan],
    own: slice,
    keys_and_values: Array,
) -> Array:
    """Return the derivative by the own queries [own rows, heads * head_dim], as `attend` took them.

    Adds those by all rows' keys and values to `keys_and_values` [rows, 2 * kv_heads * head_dim].
    """
    _, kv_heads, group, size = heads.queries.shape
    by_output = gradient.reshape(-1, kv_heads, group, size)
    to_queries = np.empty_like(by_output)
    to_keys = keys_and_values[:, : kv_heads * size].reshape(heads.keys.shape)
    to_values = keys_and_values[:, kv_heads * size :].reshape(heads.values.shape)
    # Row sums of (map * derivative by map), from the output instead of the map.
    row_sums = np.einsum("nkgd,nkgd->kgn", by_output, output.reshape(by_output.shape))
    for span in _touched(spans, own):
        keys, values = _by_head(heads.keys, span), _by_head(heads.values, span)
        keys_gradient, values_gradient = np.zeros_like(keys), np.zeros_like(values)
        for block, seen in _blocks(span, own, kv_heads * group):
            local = slice(block.start - own.start, block.stop - own.start)
            queries, outer = _flat(heads.queries[block]), _flat(by_output[local])
            weights = _scores(queries, keys, span, block, seen)
            weights -= log_sums[:, :, local].reshape(kv_heads, -1, 1)
            np.exp(weights, out=weights)
            values_gradient[:, :seen] += weights.transpose(0, 2, 1) @ outer
            by_weights = outer @ values[:, :seen].transpose(0, 2, 1)
            by_weights -= row_sums[:, :, local].reshape(kv_heads, -1, 1)
            by_weights *= weights
            to_queries[local] = _unflat(by_weights @ keys[:, :seen], group, block.stop - block.start)
            keys_gradient[:, :seen] += by_weights.transpose(0, 2, 1) @ queries
        _add_by_row(to_keys, keys_gradient, span)
        _add_by_row(to_values, values_gradient, span)
    return to_queries.reshape(gradient.shape)


def _touched(spans: Sequence[AttentionSpan], own: slice) -> list[AttentionSpan]:
    return [span for span in spans if span.rows.start < own.stop and own.start < span.rows.stop]


def _blocks(span: AttentionSpan, own: slice, heads: int) -> Iterator[tuple[slice, int]]:
    """Yield the own rows of each block of queries, and how many keys its last query sees."""
    start, stop = max(span.rows.start, own.start), min(span.rows.stop, own.stop)
    length = span.rows.stop - span.rows.start
    if span.mask is not None:
        yield slice(start, stop), length
        return
    size = max(SMALLEST_BLOCK, BLOCK_SCORES // (heads * (span.prefix_length + length)))
    for first in range(start, stop, size):
        last = min(first + size, stop)
        yield slice(first, last), span.prefix_length + last - span.rows.start


def _scores(queries: Array, keys: Array, span: AttentionSpan, block: slice, seen: int) -> Array:
    """Return [kv_heads, group * queries, keys seen] with -inf where a query must not look."""
    scores = queries @ keys[:, :seen].transpose(0, 2, 1)
    count = block.stop - block.start
    by_query = scores.reshape(len(keys), -1, count, seen)
    if span.mask is not None:
        by_query += span.mask[block.start - span.rows.start : block.stop - span.rows.start]
    elif count > 1:
        by_query[..., seen - count :] += _future(count)
    return scores


def _future(count: int) -> Array:
    """Return [count, count] with -inf above the diagonal."""
    return np.triu(np.full((count, count), -np.inf, np.float32), 1)


def _by_head(rows: Array, span: AttentionSpan) -> Array:
    """Copy the keys or values a span sees as [kv_heads, keys, head_dim]."""
    seen = rows[span.rows]
    if span.prefix_length:
        seen = np.concatenate([rows[span.prefix], seen])
    return np.ascontiguousarray(seen.transpose(1, 0, 2))


def _add_by_row(total: Array, by_head: Array, span: AttentionSpan) -> None:
    """Undo `_by_head` for gradients: prefixes collect those of every sequence that saw them."""
    by_row = by_head.transpose(1, 0, 2)
    total[span.prefix] += by_row[: span.prefix_length]
    total[span.rows] += by_row[span.prefix_length :]


def _flat(block: Array) -> Array:
    """Copy [queries, kv_heads, group, head_dim] as [kv_heads, group * queries, head_dim]."""
    count, kv_heads, group, size = block.shape
    return block.transpose(1, 2, 0, 3).reshape(kv_heads, group * count, size)


def _unflat(block: Array, group: int, count: int) -> Array:
    """Undo `_flat`."""
    return block.reshape(len(block), group, count, -1).transpose(2, 0, 1, 3)
