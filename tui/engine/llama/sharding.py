"""One packed batch computed by several threads: each shard owns some rows, and shards meet once per layer.

Everything in a layer works row by row, except that attention reads the keys and values of other rows. So a
shard is a generator that runs through all layers and yields where it needs what the others are computing;
whoever drives the shards runs each of them up to its next `yield` before any goes on. How many shards there
are follows from the number of rows alone, so the numbers do not depend on how many threads there are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tui.engine.llama.config import LlamaConfig
from tui.engine.llama.packing import PackedBatch

Array = npt.NDArray[Any]
Result = TypeVar("Result")

Steps = Generator[None, None, Result]
"""A computation that yields where it must wait for the other shards."""

SHARDS_BY_ROWS = ((1024, 8), (256, 4), (2, 2))
"""From how many rows on, how many shards: enough rows in each for fast matrix products."""


def shard_count(rows: int) -> int:
    """Return how many shards a batch of so many rows is computed in."""
    return next((count for least, count in SHARDS_BY_ROWS if rows >= least), 1)


class Exchange:
    """Arrays through which shards meet: queries, keys, values of all rows, and gradients of the last two.

    Layers that are not recorded take turns with two arrays: while a slow shard still reads one layer's, a
    fast one may already be writing the next layer's, but never the one after.

    Args:
        config: The model.
        rows: Of the whole batch.
        shards: How many there are.
        first_recorded: From which layer on every layer keeps an array of its own.
        dtype: Type of all arrays.
    """

    def __init__(
        self, config: LlamaConfig, rows: int, shards: int, first_recorded: int, dtype: npt.DTypeLike
    ) -> None:
        turns = [np.empty((rows, config.qkv_width), dtype) for _ in range(2 if first_recorded else 0)]
        self._qkv = [
            np.empty((rows, config.qkv_width), dtype) if layer >= first_recorded else turns[layer % 2]
            for layer in range(config.layers)
        ]
        self._gradients = [
            [np.empty((rows, 2 * config.key_width), dtype) for _ in range(shards)] for _ in range(2)
        ]

    def qkv(self, layer: int) -> Array:
        """Return the array of one layer, [rows, qkv_width]; each shard writes its own rows."""
        return self._qkv[layer]

    def own_gradients(self, layer: int, shard: int) -> Array:
        """Return zeros to which `shard` adds its gradients of all rows' keys and values."""
        array = self._gradients[layer % 2][shard]
        array[:] = 0
        return array

    def sum_gradients(self, layer: int, rows: slice) -> Array:
        """Return the gradients of some rows' keys and values, of all shards, added in their order."""
        first, *others = self._gradients[layer % 2]
        total = first[rows].copy()
        for array in others:
            total += array[rows]
        return total


@dataclass(frozen=True, slots=True)
class Shard:
    """The rows one shard owns, with what it needs to know of the batch."""

    index: int
    rows: slice
    batch: PackedBatch
    cosines: Array
    sines: Array
    exchange: Exchange
    config: LlamaConfig

    @property
    def own_targets(self) -> slice:
        """Which of the batch's targets lie in its rows."""
        edges = np.searchsorted(self.batch.target_rows, (self.rows.start, self.rows.stop))
        return slice(int(edges[0]), int(edges[1]))

    @property
    def local_target_rows(self) -> Array:
        """Those targets' rows, counted from its first row."""
        rows: Array = self.batch.target_rows[self.own_targets] - self.rows.start
        return rows


def row_blocks(rows: int, shards: int) -> list[slice]:
    """Cut rows into `shards` neighbouring blocks of nearly equal size."""
    edges = [rows * index // shards for index in range(shards + 1)]
    return [slice(start, stop) for start, stop in itertools.pairwise(edges)]


class ShardPool:
    """Drives shards over a few threads; `threads` may change between runs and changes no result."""

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads
        self._executor = ThreadPoolExecutor(max_workers=64, thread_name_prefix="shard")

    def run(self, computations: Sequence[Steps[Result]]) -> list[Result]:
        """Run all computations to their ends, in lockstep, and return their results in order."""
        results: dict[int, Result] = {}

        def advance(index: int) -> None:
            try:
                next(computations[index])
            except StopIteration as end:
                results[index] = end.value

        while len(results) < len(computations):
            self.for_each(advance, [index for index in range(len(computations)) if index not in results])
        return [results[index] for index in range(len(computations))]

    def for_each(self, work: Callable[[int], None], items: Sequence[int]) -> None:
        """Call `work` for each item, at most `threads` at a time; the first error is raised."""
        queue = iter(items)

        def take_turns() -> None:
            # A list iterator hands out each item once, whichever thread asks.
            for item in queue:
                work(item)

        helpers = min(self.threads, len(items)) - 1
        futures = [self._executor.submit(take_turns) for _ in range(helpers)]
        try:
            take_turns()
        finally:
            errors = [future.exception() for future in futures]
        for error in errors:
            if error is not None:
                raise error

    def close(self) -> None:
        """Let the threads go."""
        self._executor.shutdown(wait=True)
