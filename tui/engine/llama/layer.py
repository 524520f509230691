"""One Llama layer, forward and backward, with its adapter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tui.engine.llama.attention import PackedHeads, attend, attend_backward
from tui.engine.llama.config import LlamaConfig
from tui.engine.llama.lora import LowRank
from tui.engine.llama.operations import (
    project,
    project_backward,
    rms_norm,
    rms_norm_backward,
    rotate,
    swiglu,
    swiglu_backward,
)
from tui.engine.llama.packing import PackedBatch
from tui.engine.llama.weights import LayerWeights

Array = npt.NDArray[Any]
AdapterLayer = Mapping[str, LowRank]


@dataclass(frozen=True, slots=True)
class Rows:
    """What every layer needs to know of a batch: who attends to whom, and the angles of each row."""

    batch: PackedBatch
    cosines: Array
    sines: Array
    config: LlamaConfig


@dataclass(slots=True)
class LayerRecord:
    """What the backward pass of one layer needs; `backward` uses up `gate_up`."""

    entered: Array
    first_inverse: Array
    qkv: Array
    attended: Array
    log_sums: Array
    middle: Array
    second_inverse: Array
    gate_up: Array
    inner: dict[str, Array | None]
    """Rows times each adapter's `down`."""


def recorded_floats(config: LlamaConfig) -> int:
    """Return how many numbers per row a `LayerRecord` holds beside `entered`."""
    return config.hidden + config.qkv_width + config.query_width + 2 * config.feed_forward + config.heads + 66


def layer_forward(
    entered: Array, weights: LayerWeights, adapter: AdapterLayer | None, rows: Rows
) -> tuple[Array, LayerRecord]:
    """Return the layer's output and what its backward pass needs."""
    config = rows.config
    pairs = adapter or {}
    inner: dict[str, Array | None] = {}
    normalised, first_inverse = rms_norm(entered, weights.attention_norm, config.norm_epsilon)
    qkv, inner["qkv"] = project(normalised, weights.qkv, pairs.get("qkv"))
    heads = PackedHeads(qkv, config)
    rotate(heads.rotated, rows.cosines, rows.sines)
    qkv[:, : config.query_width] /= math.sqrt(config.head_dim)
    attended, log_sums = attend(heads, rows.batch.spans)
    middle, inner["attention_out"] = project(attended, weights.attention_out, pairs.get("attention_out"))
    middle += entered
    normalised, second_inverse = rms_norm(middle, weights.feed_forward_norm, config.norm_epsilon)
    gate_up, inner["gate_up"] = project(normalised, weights.gate_up, pairs.get("gate_up"))
    left, inner["down"] = project(swiglu(gate_up), weights.down, pairs.get("down"))
    left += middle
    record = LayerRecord(
        entered, first_inverse, qkv, attended, log_sums, middle, second_inverse, gate_up, inner
    )
    return left, record


def layer_backward(
    gradient: Array,
    record: LayerRecord,
    weights: LayerWeights,
    adapter: AdapterLayer,
    gradients: AdapterLayer,
    rows: Rows,
    *,
    first: bool,
) -> Array | None:
    """Add the adapter's gradients to `gradients`; return the derivative by the input unless `first`.

    Overwrites `gradient` and uses up `record`.
    """
    config = rows.config

    def back(name: str, outer: Array, inputs: Array, *, needed: bool = True) -> Array:
        pair, inner = adapter.get(name), record.inner[name]
        matrix = weights.projection(name) if needed else None
        if pair is None or inner is None:
            return outer @ matrix if matrix is not None else outer
        result = project_backward(outer, inputs, inner, matrix, pair, gradients[name])
        return outer if result is None else result

    by_activation = _down_backward(gradient, record, weights, adapter, gradients)
    normalised = record.middle * record.second_inverse
    normalised *= weights.feed_forward_norm
    by_normalised = back("gate_up", by_activation, normalised)
    gradient += rms_norm_backward(
        by_normalised, record.middle, record.second_inverse, weights.feed_forward_norm
    )
    by_attended = back("attention_out", gradient, record.attended)
    heads = PackedHeads(record.qkv, config)
    by_qkv = attend_backward(by_attended, record.attended, record.log_sums, heads, rows.batch.spans)
    by_qkv[:, : config.query_width] /= math.sqrt(config.head_dim)
    rotate(PackedHeads(by_qkv, config).rotated, rows.cosines, rows.sines, back=True)
    normalised = record.entered * record.first_inverse
    normalised *= weights.attention_norm
    by_normalised = back("qkv", by_qkv, normalised, needed=not first)
    if first:
        return None
    gradient += rms_norm_backward(by_normalised, record.entered, record.first_inverse, weights.attention_norm)
    return gradient


def _down_backward(
    gradient: Array,
    record: LayerRecord,
    weights: LayerWeights,
    adapter: AdapterLayer,
    gradients: AdapterLayer,
) -> Array:
    """Go back through `down` and SwiGLU, which makes the activation again for `down`'s adapter."""
    pair, inner = adapter.get("down"), record.inner["down"]
    by_activation: Array = gradient @ weights.down
    if pair is None or inner is None:
        swiglu_backward(by_activation, record.gate_up)
        return record.gate_up
    through_up = gradient @ pair.up
    by_activation += through_up @ pair.down
    activation = swiglu_backward(by_activation, record.gate_up)
    gradients["down"].add(through_up.T @ activation, gradient.T @ inner)
    return record.gate_up


def rows_of(batch: PackedBatch, cosines: Array, sines: Array, config: LlamaConfig) -> Rows:
    """Return `batch` with the angles of its positions."""
    return Rows(batch, np.take(cosines, batch.positions, 0), np.take(sines, batch.positions, 0), config)
