"""AdamW with decoupled weight decay (Loshchilov and Hutter 2019) over one flat vector, chunk by chunk."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tui.engine.llama.sharding import ShardPool

Array = npt.NDArray[Any]

CHUNK = 1 << 16
"""Numbers per chunk; the five arrays touched then stay in a core's cache."""
FIRST_DECAY, SECOND_DECAY, EPSILON = 0.9, 0.999, 1e-8
WEIGHT_DECAY = 0.01
LARGEST_NORM = 1.0
"""Gradients longer than this are scaled down to it."""


class AdamW:
    """Updates `parameters` in place.

    Args:
        parameters: Flat vector.
        pool: Threads; every number is updated by itself, so they change no result.
    """

    def __init__(self, parameters: Array, pool: ShardPool) -> None:
        self._parameters = parameters
        self._pool = pool
        self._first = np.zeros_like(parameters)
        self._second = np.zeros_like(parameters)
        self._chunks = [slice(start, start + CHUNK) for start in range(0, len(parameters), CHUNK)]
        self.updates = 0
        """How many times `update` was called."""

    def update(self, gradients: Sequence[Array], learning_rate: float) -> float:
        """Add up the gradients in order, clip their sum and take one step.

        Returns:
            The norm of the sum before clipping; when it is not finite nothing is changed.
        """
        squares = [0.0] * len(self._chunks)

        def collect(index: int) -> None:
            chunk = self._chunks[index]
            total = gradients[0][chunk]
            for other in gradients[1:]:
                total += other[chunk]
            squares[index] = float(np.dot(total, total))

        self._pool.for_each(collect, range(len(self._chunks)))
        norm = math.sqrt(math.fsum(squares)) if all(map(math.isfinite, squares)) else math.nan
        if not math.isfinite(norm):
            return norm
        self.updates += 1
        scale = min(1.0, LARGEST_NORM / norm) if norm > 0 else 1.0
        self._pool.for_each(
            lambda index: self._update_chunk(self._chunks[index], gradients[0], scale, learning_rate),
            range(len(self._chunks)),
        )
        return norm

    def _update_chunk(self, chunk: slice, gradient: Array, scale: float, learning_rate: float) -> None:
        parameters, first, second = self._parameters[chunk], self._first[chunk], self._second[chunk]
        clipped = gradient[chunk] * parameters.dtype.type(scale)
        first *= FIRST_DECAY
        first += clipped * (1 - FIRST_DECAY)
        np.multiply(clipped, clipped, out=clipped)
        clipped *= 1 - SECOND_DECAY
        second *= SECOND_DECAY
        second += clipped
        step = np.sqrt(second)
        step /= math.sqrt(1 - SECOND_DECAY**self.updates)
        step += EPSILON
        np.divide(first, step, out=step)
        step *= learning_rate / (1 - FIRST_DECAY**self.updates)
        parameters *= 1 - learning_rate * WEIGHT_DECAY
        parameters -= step

    def state(self) -> dict[str, Array]:
        """Return the moments and the number of updates."""
        return {
            "first_moment": self._first,
            "second_moment": self._second,
            "updates": np.array([self.updates], np.float32),
        }

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from what `state` returned."""
        self._first[:] = state["first_moment"]
        self._second[:] = state["second_moment"]
        self.updates = int(state["updates"][0])
