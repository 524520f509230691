"""The forward pass of serving: several sequences at once, each with its own memory and its own adapter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from tui.engine.llama.base_model import BaseModel
from tui.engine.llama.lora import Adapter
from tui.engine.serving.key_value_cache import KeyValueCache
from tui.engine.serving.matrix_products import ModelProducts
from tui.engine.serving.rotary import RotaryTables

Array = NDArray[np.float32]

MAX_SCORES = 8 * 2**20
"""Attention scores held at once, in numbers: 32 MB."""

ATTENTION_ROWS = 64
"""Most positions whose attention is worked out at once: none needs the scores of what comes after it, and
those of few stay in the processor's cache (511 tokens of the 135M model on one thread: 0.18 s for all layers,
0.32 all at once; 2026-11)."""

HEAD_ROWS = 64
"""Positions whose logits are worked out at once: 12 MB for a vocabulary of 49,152."""


class Wanted(Enum):
    """Which of a segment's positions need logits."""

    NONE = "none"
    LAST = "last"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Segment:
    """New tokens of one sequence, to be read behind what its cache remembers."""

    cache: KeyValueCache
    ids: Sequence[int]
    adapter: Adapter | None = None
    wanted: Wanted = Wanted.LAST


class Decoder:
    """Runs a base model for any mix of prompts and answers; one copy of the weights serves all.

    Not thread-safe: its work space belongs to one call at a time.

    Args:
        model: The base model, its weights possibly mapped read-only.
        max_rows: The most tokens one call may bring; sizes the work space.
        products: How its matrices are multiplied with; float32 if nothing is said.
    """

    def __init__(self, model: BaseModel, max_rows: int, products: ModelProducts | None = None) -> None:
        self.config = config = model.config
        self._weights = model.weights
        self._products = products or ModelProducts(model.weights)
        self._rotary = RotaryTables(config)
        heads = config.heads + 2 * config.kv_heads
        self._rotated_heads = config.heads + config.kv_heads
        self._hidden: Array = np.empty((max_rows, config.hidden), dtype=np.float32)
        self._normed: Array = np.empty((max_rows, config.hidden), dtype=np.float32)
        self._projected: Array = np.empty((max_rows, config.hidden), dtype=np.float32)
        self._qkv: Array = np.empty((max_rows, heads * config.head_dim), dtype=np.float32)
        self._attended: Array = np.empty((max_rows, config.heads * config.head_dim), dtype=np.float32)
        self._gate_up: Array = np.empty((max_rows, 2 * config.feed_forward), dtype=np.float32)
        self._gated: Array = np.empty((max_rows, config.feed_forward), dtype=np.float32)

    def forward(self, segments: Sequence[Segment]) -> list[Array]:
        """Read the segments' tokens, extend their caches, and return the wanted logits of each.

        Args:
            segments: At most `max_rows` tokens together, each segment of another cache.

        Returns:
            For each segment [positions wanted, vocabulary], float32, owned by the caller.
        """
        spans = _spans([len(segment.ids) for segment in segments])
        rows = spans[-1].stop
        for segment in segments:
            segment.cache.make_room(len(segment.ids))
        hidden = self._hidden[:rows]
        ids = [token for segment in segments for token in segment.ids]
        self._products.embed(ids, hidden)
        groups = _adapter_groups(segments, spans)
        positions = np.concatenate([np.arange(s.cache.length, s.cache.length + len(s.ids)) for s in segments])
        rotation = self._rotary.rows(positions)
        with np.errstate(over="ignore"):
            for layer in range(self.config.layers):
                is_last = layer == self.config.layers - 1
                asking = [_asking(segment) if is_last else len(segment.ids) for segment in segments]
                attended = self._attention(layer, hidden, segments, spans, groups, rotation, asking)
                if sum(asking) < len(hidden):
                    # What the last layer makes of the others goes nowhere: only their keys are looked at.
                    kept = _last_rows(spans, asking)
                    hidden, attended = hidden[kept], attended[kept]
                    spans = _spans(asking)
                    groups = _adapter_groups(segments, spans)
                if len(hidden):
                    self._feed_forward(layer, hidden, attended, groups)
        for segment in segments:
            segment.cache.ids.extend(segment.ids)
        return [
            self._logits(hidden[span], segment.wanted) for segment, span in zip(segments, spans, strict=True)
        ]

    def _attention(
        self,
        layer: int,
        hidden: Array,
        segments: Sequence[Segment],
        spans: Sequence[slice],
        groups: Sequence[AdapterGroup],
        rotation: tuple[Array, Array],
        asking: Sequence[int],
    ) -> Array:
        """Keep the keys and values of all rows; return what those that ask, the last of each segment, see."""
        rows, weights = len(hidden), self._weights.layers[layer]
        normed, qkv, attended = self._normed[:rows], self._qkv[:rows], self._attended[:rows]
        _rms_norm(hidden, weights.attention_norm, self.config.norm_epsilon, normed)
        self._products.layers[layer]["qkv"](normed, qkv)
        _adapt(normed, groups, layer, "qkv", qkv)
        heads = qkv.reshape(rows, -1, self.config.head_dim)
        self._rotary.rotate(heads[:, : self._rotated_heads], rotation)
        for segment, span, count in zip(segments, spans, asking, strict=True):
            self._attend(layer, segment.cache, heads[span], attended[span], count)
        return attended

    def _feed_forward(
        self, layer: int, hidden: Array, attended: Array, groups: Sequence[AdapterGroup]
    ) -> None:
        """Add to the rows what they have seen, and what the layer makes of it."""
        rows, weights = len(hidden), self._weights.layers[layer]
        products = self._products.layers[layer]
        normed, projected = self._normed[:rows], self._projected[:rows]
        gate_up, gated = self._gate_up[:rows], self._gated[:rows]
        products["attention_out"](attended, projected)
        _adapt(attended, groups, layer, "attention_out", projected)
        hidden += projected

        _rms_norm(hidden, weights.feed_forward_norm, self.config.norm_epsilon, normed)
        products["gate_up"](normed, gate_up)
        _adapt(normed, groups, layer, "gate_up", gate_up)
        _swiglu(gate_up, gated)
        products["down"](gated, projected)
        _adapt(gated, groups, layer, "down", projected)
        hidden += projected

    def _attend(self, layer: int, cache: KeyValueCache, heads: Array, out: Array, asking: int) -> None:
        """Attend from the last of a segment's rows [rows, heads + 2 kv_heads, head_dim] to what is before."""
        config = self.config
        rows, past = len(heads), cache.length
        keys, values = cache.keys[layer], cache.values[layer]
        keys[:, past : past + rows] = heads[:, config.heads : self._rotated_heads].transpose(1, 0, 2)
        values[:, past : past + rows] = heads[:, self._rotated_heads :].transpose(1, 0, 2)
        block = max(1, min(ATTENTION_ROWS, MAX_SCORES // (config.heads * (past + rows))))
        for start in range(rows - asking, rows, block):
            stop = min(start + block, rows)
            seen = past + stop
            queries = heads[start:stop, : config.heads]
            mixed = self._mix(queries, keys[:, :seen], values[:, :seen])
            out[start:stop].reshape(stop - start, config.heads, -1)[:] = mixed

    def _mix(self, queries: Array, keys: Array, values: Array) -> Array:
        """Return softmax(queries · keys) · values; the queries are the last of the positions in `keys`.

        Args:
            queries: [rows, heads, head_dim], already scaled.
            keys: [kv_heads, seen, head_dim]. values: the same.

        Returns:
            [rows, heads, head_dim].
        """
        rows, head_dim = len(queries), self.config.head_dim
        kv_heads, seen, _ = keys.shape
        group = self.config.heads // kv_heads
        grouped = queries.transpose(1, 0, 2).reshape(kv_heads, group * rows, head_dim)
        if rows == 1:
            # 55 us a layer, where small matrix products take 190 (511 tokens, 2 threads, 2026-11).
            scores = np.matvec(keys[:, None], grouped)
        else:
            scores = np.matmul(grouped, keys.transpose(0, 2, 1))
            own = scores.reshape(kv_heads, group, rows, seen)[..., seen - rows :]
            own += _causal_mask(rows)
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        total = scores.sum(axis=-1, keepdims=True)
        mixed: Array = np.vecmat(scores, values[:, None]) if rows == 1 else np.matmul(scores, values)
        mixed /= total
        return mixed.reshape(self.config.heads, rows, head_dim).transpose(1, 0, 2)

    def _logits(self, hidden: Array, wanted: Wanted) -> Array:
        if wanted is Wanted.NONE:
            return np.empty((0, self.config.vocabulary), dtype=np.float32)
        rows = hidden[-1:] if wanted is Wanted.LAST else hidden
        normed = np.empty_like(rows)
        _rms_norm(rows, self._weights.final_norm, self.config.norm_epsilon, normed)
        logits: Array = np.empty((len(rows), self.config.vocabulary), dtype=np.float32)
        for start in range(0, len(rows), HEAD_ROWS):
            stop = start + HEAD_ROWS
            self._products.output(normed[start:stop], logits[start:stop])
        return logits


@dataclass(frozen=True, slots=True)
class AdapterGroup:
    """Neighbouring rows that one adapter changes."""

    adapter: Adapter
    rows: slice


def _spans(lengths: Sequence[int]) -> list[slice]:
    spans, start = [], 0
    for length in lengths:
        spans.append(slice(start, start + length))
        start += length
    return spans


def _last_rows(spans: Sequence[slice], counts: Sequence[int]) -> NDArray[np.intp]:
    """Return the numbers of the last rows of each span, as many as its count says."""
    return np.concatenate(
        [np.arange(span.stop - count, span.stop) for span, count in zip(spans, counts, strict=True)]
    )


def _asking(segment: Segment) -> int:
    """Return how many of a segment's positions, the last ones, need logits."""
    return {Wanted.NONE: 0, Wanted.LAST: 1, Wanted.ALL: len(segment.ids)}[segment.wanted]


def _adapter_groups(segments: Sequence[Segment], spans: Sequence[slice]) -> list[AdapterGroup]:
    """Join neighbouring segments of the same adapter, so that its products are worked out once."""
    groups: list[AdapterGroup] = []
    for segment, span in zip(segments, spans, strict=True):
        if segment.adapter is None:
            continue
        if groups and groups[-1].adapter is segment.adapter and groups[-1].rows.stop == span.start:
            groups[-1] = AdapterGroup(segment.adapter, slice(groups[-1].rows.start, span.stop))
        else:
            groups.append(AdapterGroup(segment.adapter, span))
    return groups


def _adapt(rows: Array, groups: Sequence[AdapterGroup], layer: int, name: str, out: Array) -> None:
    """Add each adapter's low-rank change of its rows to a projection's result `out`."""
    for group in groups:
        pair = group.adapter.layers[layer].get(name)
        if pair is not None:
            out[group.rows] += (rows[group.rows] @ pair.down.T) @ pair.up.T


def _rms_norm(rows: Array, gain: Array, epsilon: float, out: Array) -> None:
    scale = np.vecdot(rows, rows)
    scale *= np.float32(1.0 / rows.shape[1])
    scale += np.float32(epsilon)
    np.sqrt(scale, out=scale)
    np.divide(rows, scale[:, None], out=out)
    out *= gain


def _swiglu(gate_up: Array, out: Array) -> None:
    """Write silu(gate) * up into `out`; gate and up are the halves of the last axis."""
    half = out.shape[1]
    gate, up = gate_up[:, :half], gate_up[:, half:]
    np.negative(gate, out=out)
    np.exp(out, out=out)
    out += np.float32(1.0)
    np.divide(gate, out, out=out)
    out *= up


_masks: dict[int, Array] = {}


def _causal_mask(rows: int) -> Array:
    """Return [rows, rows]: minus infinity where a row would look at a later one, zero elsewhere."""
    if rows not in _masks:
        if len(_masks) > 16:
            _masks.clear()
        _masks[rows] = np.triu(np.full((rows, rows), -math.inf, dtype=np.float32), 1)
    return _masks[rows]
