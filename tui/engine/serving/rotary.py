"""Rotary position embedding in place, with the attention scale folded into the queries' part."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tui.engine.llama.config import LlamaConfig
from tui.engine.llama.operations import rope_frequencies

Array = NDArray[np.float32]


class RotaryTables:
    """Cosines and sines for the rows of a forward pass, worked out once for all layers.

    Args:
        config: The model's shape, base frequency and scaling.
    """

    def __init__(self, config: LlamaConfig) -> None:
        self._half = config.head_dim // 2
        self._frequencies = rope_frequencies(config)
        scale = np.ones((config.heads + config.kv_heads, 1), dtype=np.float32)
        scale[: config.heads] = 1.0 / math.sqrt(config.head_dim)
        self._scale: Array = scale

    def rows(self, positions: NDArray[np.intp]) -> tuple[Array, Array]:
        """Return cosines and sines [rows, heads + kv_heads, head_dim / 2] for `positions` [rows]."""
        angles = positions[:, None] * self._frequencies
        return self._scaled(np.cos(angles)), self._scaled(np.sin(angles))

    def _scaled(self, values: NDArray[np.float64]) -> Array:
        return values.astype(np.float32)[:, None, :] * self._scale

    def rotate(self, heads: Array, rotation: tuple[Array, Array]) -> None:
        """Rotate `heads` [rows, heads + kv_heads, head_dim], halves paired, by what `rows` returned."""
        cosine, sine = rotation
        first, second = heads[..., : self._half], heads[..., self._half :]
        first_turned, second_turned = first * sine, second * sine
        first *= cosine
        first -= second_turned
        second *= cosine
        second += first_turned
