"""A plain Llama forward pass in float64, without any cache: what serving must agree with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tui.engine.llama.base_model import BaseModel
from tui.engine.llama.lora import Adapter

Array = NDArray[np.float64]


def reference_logits(model: BaseModel, ids: Sequence[int], adapter: Adapter | None = None) -> Array:
    """Return the logits [tokens, vocabulary] at every position."""
    config, weights = model.config, model.weights
    hidden = wide(weights.embedding)[list(ids)]
    for number, layer in enumerate(weights.layers):

        def project(rows: Array, name: str, number: int = number, layer: Any = layer) -> Array:
            matrix = wide(layer.projection(name))
            pair = adapter.layers[number].get(name) if adapter is not None else None
            if pair is not None:
                matrix = matrix + wide(pair.up) @ wide(pair.down)
            return rows @ matrix.T

        qkv = project(norm(hidden, layer.attention_norm, config.norm_epsilon), "qkv")
        hidden = hidden + project(attention(qkv, model), "attention_out")
        gate, up = np.split(
            project(norm(hidden, layer.feed_forward_norm, config.norm_epsilon), "gate_up"), 2, axis=1
        )
        hidden = hidden + project(gate / (1 + np.exp(-gate)) * up, "down")
    return norm(hidden, weights.final_norm, config.norm_epsilon) @ wide(weights.output).T


def wide(array: Any) -> Array:
    return np.asarray(array, dtype=np.float64)


def norm(rows: Array, gain: Any, epsilon: float) -> Array:
    result: Array = rows / np.sqrt((rows**2).mean(axis=1, keepdims=True) + epsilon) * wide(gain)
    return result


def attention(qkv: Array, model: BaseModel) -> Array:
    config = model.config
    tokens, size = len(qkv), config.head_dim
    heads = qkv.reshape(tokens, -1, size)
    queries = [rotated(heads[:, number], config.rope_theta) for number in range(config.heads)]
    first_value = config.heads + config.kv_heads
    outputs = []
    for number, query in enumerate(queries):
        shared = number // (config.heads // config.kv_heads)
        key = rotated(heads[:, config.heads + shared], config.rope_theta)
        scores = query @ key.T / np.sqrt(size)
        scores[np.triu_indices(tokens, 1)] = -np.inf
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        outputs.append(shares / shares.sum(axis=1, keepdims=True) @ heads[:, first_value + shared])
    return np.concatenate(outputs, axis=1)


def rotated(rows: Array, theta: float) -> Array:
    half = rows.shape[1] // 2
    angles = np.outer(np.arange(len(rows)), theta ** (-np.arange(half) / half))
    first, second = rows[:, :half], rows[:, half:]
    return np.concatenate(
        [first * np.cos(angles) - second * np.sin(angles), second * np.cos(angles) + first * np.sin(angles)],
        axis=1,
    )


def reference_logprobs(model: BaseModel, ids: Sequence[int], adapter: Adapter | None = None) -> Array:
    """Return the natural-log probabilities [tokens, vocabulary] at every position."""
    logits = reference_logits(model, ids, adapter)
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result
