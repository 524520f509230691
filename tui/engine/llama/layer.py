"""One Llama layer over a shard's rows, forward and backward, with its adapter."""

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
from tui.engine.llama.sharding import Shard, Steps
from tui.engine.llama.weights import LayerWeights

Array = npt.NDArray[Any]
AdapterLayer = Mapping[str, LowRank]


@dataclass(slots=True)
class LayerRecord:
    """What the backward pass of one layer needs of a shard's rows; it uses up `gate_up`."""

    entered: Array
    first_inverse: Array
    attended: Array
    log_sums: Array
    middle: Array
    second_inverse: Array
    gate_up: Array
    inner: dict[str, Array | None]
    """Rows times each adapter's `down`."""


def recorded_floats(config: LlamaConfig) -> int:
    """Return how many numbers per row a recorded layer keeps beside `entered`; 66 is for ranks and norms."""
    return config.hidden + config.qkv_width + config.query_width + 2 * config.feed_forward + config.heads + 66


def layer_forward(
    number: int, entered: Array, weights: LayerWeights, adapter: AdapterLayer, shard: Shard
) -> Steps[tuple[Array, LayerRecord]]:
    """Return the layer's output and what its backward pass needs; waits for the other shards' keys once."""
    config = shard.config
    inner: dict[str, Array | None] = {}
    normalised, first_inverse = rms_norm(entered, weights.attention_norm, config.norm_epsilon)
    everyone = shard.exchange.qkv(number)
    qkv = everyone[shard.rows]
    qkv[:], inner["qkv"] = project(normalised, weights.qkv, adapter.get("qkv"))
    rotate(PackedHeads(qkv, config).rotated, shard.cosines, shard.sines)
    qkv[:, : config.query_width] /= math.sqrt(config.head_dim)
    yield
    attended, log_sums = attend(PackedHeads(everyone, config), shard.batch.spans, shard.rows)
    middle, inner["attention_out"] = project(attended, weights.attention_out, adapter.get("attention_out"))
    middle += entered
    normalised, second_inverse = rms_norm(middle, weights.feed_forward_norm, config.norm_epsilon)
    gate_up, inner["gate_up"] = project(normalised, weights.gate_up, adapter.get("gate_up"))
    left, inner["down"] = project(swiglu(gate_up), weights.down, adapter.get("down"))
    left += middle
    record = LayerRecord(entered, first_inverse, attended, log_sums, middle, second_inverse, gate_up, inner)
    return left, record


def layer_backward(
    number: int,
    gradient: Array,
    record: LayerRecord,
    weights: LayerWeights,
    adapter: AdapterLayer,
    gradients: AdapterLayer,
    shard: Shard,
) -> Steps[None]:
    """Turn the `gradient` by the layer's output into that by its input; add the adapter's to `gradients`.

    Waits once for what other shards' queries say about this shard's keys. Uses up `record`. The first
    layer's input is frozen, so its gradient is left as it is.
    """
    config, queries = shard.config, shard.config.query_width
    by_gate_up = _down_backward(gradient, record, weights, adapter, gradients)
    normalised = record.middle * record.second_inverse
    normalised *= weights.feed_forward_norm
    back = _ProjectionsBackward(record, weights, adapter, gradients)
    by_normalised = back("gate_up", by_gate_up, normalised)
    gradient += rms_norm_backward(
        by_normalised, record.middle, record.second_inverse, weights.feed_forward_norm
    )
    by_attended = back("attention_out", gradient, record.attended)
    by_qkv = np.empty((len(gradient), config.qkv_width), gradient.dtype)
    by_qkv[:, :queries] = attend_backward(
        by_attended,
        record.attended,
        record.log_sums,
        PackedHeads(shard.exchange.qkv(number), config),
        shard.batch.spans,
        shard.rows,
        shard.exchange.own_gradients(number, shard.index),
    )
    yield
    by_qkv[:, :queries] /= math.sqrt(config.head_dim)
    by_qkv[:, queries:] = shard.exchange.sum_gradients(number, shard.rows)
    rotate(PackedHeads(by_qkv, config).rotated, shard.cosines, shard.sines, back=True)
    normalised = record.entered * record.first_inverse
    normalised *= weights.attention_norm
    by_normalised = back("qkv", by_qkv, normalised, by_inputs=number > 0)
    if number > 0:
        gradient += rms_norm_backward(
            by_normalised, record.entered, record.first_inverse, weights.attention_norm
        )


@dataclass(frozen=True, slots=True)
class _ProjectionsBackward:
    record: LayerRecord
    weights: LayerWeights
    adapter: AdapterLayer
    gradients: AdapterLayer

    def __call__(self, name: str, outer: Array, inputs: Array, *, by_inputs: bool = True) -> Array:
        """Go back through one projection; without `by_inputs` only the adapter learns."""
        matrix = self.weights.projection(name)
        pair, inner = self.adapter.get(name), self.record.inner[name]
        if pair is None or inner is None:
            return outer @ matrix if by_inputs else outer
        result = project_backward(
            outer, inputs, inner, matrix if by_inputs else None, pair, self.gradients[name]
        )
        return outer if result is None else result


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
