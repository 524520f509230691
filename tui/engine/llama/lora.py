"""Low-rank adapters (LoRA, Hu et al. 2021): a small product added to each of a layer's four matrices.

One flat vector holds every number of an adapter and each matrix is a view into it, so that the optimiser,
clipping and saving treat an adapter as one array.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tui.engine.llama.config import LlamaConfig
from tui.engine.llama.weights import projection_shapes

Array = npt.NDArray[Any]

DEFAULT_RANK = 16
INITIAL_SCALE = 2.0
"""LoRA's customary alpha / rank, folded into the first values so that the adapter itself needs no factor."""


@dataclass(frozen=True, slots=True)
class LowRank:
    """What is added to one matrix: `up` [out, rank] times `down` [rank, in]; any scale is folded in."""

    down: Array
    up: Array

    @property
    def rank(self) -> int:
        """The inner size."""
        return int(self.down.shape[0])

    def add(self, down: Array, up: Array) -> None:
        """Add to both matrices in place, as gradients are collected."""
        np.add(self.down, down, out=self.down)
        np.add(self.up, up, out=self.up)


RankTable = Sequence[Mapping[str, int]]
"""Rank by projection, layer by layer; a projection left out is not adapted."""


class Adapter:
    """The adapter of a whole model.

    Args:
        config: The base model's shape.
        ranks: Rank by projection, layer by layer.
        dtype: float32, or float64 to check gradients.
    """

    def __init__(self, config: LlamaConfig, ranks: RankTable, dtype: npt.DTypeLike = np.float32) -> None:
        self.config = config
        self.ranks = tuple(dict(layer) for layer in ranks)
        shapes = projection_shapes(config)
        size = sum(rank * sum(shapes[name]) for layer in self.ranks for name, rank in layer.items())
        self.vector: Array = np.zeros(size, dtype)
        self.layers: tuple[Mapping[str, LowRank], ...] = self._views(shapes)

    def _views(self, shapes: Mapping[str, tuple[int, int]]) -> tuple[Mapping[str, LowRank], ...]:
        offset = 0
        layers: list[Mapping[str, LowRank]] = []
        for ranks in self.ranks:
            views: dict[str, LowRank] = {}
            for name, rank in ranks.items():
                outputs, inputs = shapes[name]
                middle, end = offset + rank * inputs, offset + rank * (inputs + outputs)
                down = self.vector[offset:middle].reshape(rank, inputs)
                views[name] = LowRank(down, self.vector[middle:end].reshape(outputs, rank))
                offset = end
            layers.append(views)
        return tuple(layers)

    @classmethod
    def initial(
        cls,
        config: LlamaConfig,
        *,
        rank: int = DEFAULT_RANK,
        seed: int = 0,
        dtype: npt.DTypeLike = np.float32,
    ) -> Adapter:
        """Return an adapter of every projection that changes nothing yet: `down` random, `up` zero."""
        adapter = cls(config, uniform_ranks(config, rank), dtype)
        generator = np.random.default_rng(seed)
        for layer in adapter.layers:
            for pair in layer.values():
                bound = math.sqrt(INITIAL_SCALE / pair.down.shape[1])
                pair.down[:] = generator.uniform(-bound, bound, pair.down.shape)
        return adapter

    def like(self) -> Adapter:
        """Return an adapter of zeros of the same shape, such as one to hold gradients."""
        return Adapter(self.config, self.ranks, self.vector.dtype)


def uniform_ranks(config: LlamaConfig, rank: int) -> RankTable:
    """Return the same rank for every projection of every layer."""
    return [dict.fromkeys(projection_shapes(config), rank)] * config.layers
