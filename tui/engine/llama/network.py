"""The whole network over a packed batch: forward, and backward within a memory budget.

Layers whose record fits the budget keep it; the others keep only their input and are run again in the
backward pass, which gives the same numbers bit for bit at the price of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tui.engine.llama.head import HeadResult, run_head
from tui.engine.llama.layer import AdapterLayer, LayerRecord, layer_backward, layer_forward, recorded_floats
from tui.engine.llama.lora import Adapter
from tui.engine.llama.operations import RopeTables
from tui.engine.llama.packing import PackedBatch
from tui.engine.llama.sharding import Exchange, Shard, ShardPool, Steps, row_blocks, shard_count
from tui.engine.llama.weights import LlamaWeights

Array = npt.NDArray[Any]
Kept = list[LayerRecord | Array]
"""Of one shard, each layer's record, or its input alone."""


@dataclass(slots=True)
class ForwardPass:
    """A batch that went through all layers; `kept` is used up by going back."""

    shards: list[Shard]
    outputs: list[Array]
    """The last layer's output, by shard."""
    kept: list[Kept]


class Network:
    """A base model ready to train adapters on.

    Args:
        weights: The frozen base.
        positions: Longest sequence in tokens.
        pool: Threads to compute with.
    """

    def __init__(self, weights: LlamaWeights, positions: int, pool: ShardPool) -> None:
        self.weights = weights
        self.config = weights.config
        self.pool = pool
        self._tables = RopeTables(self.config, positions, weights.embedding.dtype)

    def forward(
        self, batch: PackedBatch, adapter: Adapter | None, *, record_bytes: int | None = None
    ) -> ForwardPass:
        """Run all layers.

        Args:
            batch: What to read.
            adapter: None for the base itself.
            record_bytes: What may be kept for `backward`, roughly; None keeps nothing at all.
        """
        layers = adapter.layers if adapter is not None else ({},) * self.config.layers
        recorded = 0 if record_bytes is None else self.recorded_layers(batch.rows, record_bytes)
        shards = self._shards(batch, self.config.layers - recorded)
        kept: list[Kept] = [[] for _ in shards]
        outputs = self.pool.run(
            [
                self._forward(
                    shard, layers, keep if record_bytes is not None else None, self.config.layers - recorded
                )
                for shard, keep in zip(shards, kept, strict=True)
            ]
        )
        return ForwardPass(shards, outputs, kept)

    def score(self, done: ForwardPass, coefficients: Array | None = None) -> HeadResult:
        """Score all targets of a batch; with coefficients by target, also go back through the head."""
        results: list[HeadResult | None] = [None] * len(done.shards)

        def score_shard(index: int) -> None:
            shard, output = done.shards[index], done.outputs[index]
            part, rows = shard.own_targets, shard.local_target_rows
            mine = None if coefficients is None else coefficients[part]
            result = run_head(output[rows], shard.batch.targets[part], self.weights, mine)
            results[index] = result

        self.pool.for_each(score_shard, range(len(done.shards)))
        found = [result for result in results if result is not None]
        gradients = [result.gradient for result in found if result.gradient is not None]
        return HeadResult(
            np.concatenate([result.log_probabilities for result in found]),
            np.concatenate([result.hits for result in found]),
            np.concatenate(gradients) if gradients else None,
        )

    def backward(
        self, done: ForwardPass, by_targets: Array, adapter: Adapter, gradients: Sequence[Adapter]
    ) -> None:
        """Add the derivative by the adapter to `gradients`, one buffer per shard; uses up `done`.

        Args:
            done: A forward pass with records.
            by_targets: Derivative by the output at each target, from `score`.
            adapter: The one of the forward pass.
            gradients: At least as many as there are shards.
        """
        self.pool.run(
            [
                self._backward(shard, output, kept, by_targets, adapter, buffer)
                for shard, output, kept, buffer in zip(
                    done.shards, done.outputs, done.kept, gradients, strict=False
                )
            ]
        )
        done.outputs.clear()

    def recorded_layers(self, rows: int, budget_bytes: int) -> int:
        """Return how many of the last layers can keep their whole record."""
        size = self.weights.embedding.itemsize
        left = budget_bytes - rows * size * self.config.hidden * self.config.layers
        return max(0, min(self.config.layers, left // (rows * size * recorded_floats(self.config))))

    def _shards(self, batch: PackedBatch, first_recorded: int) -> list[Shard]:
        count = shard_count(batch.rows)
        dtype = self.weights.embedding.dtype
        exchange = Exchange(self.config, batch.rows, count, first_recorded, dtype)
        cosines, sines = self._tables.at(batch.positions)
        return [
            Shard(index, rows, batch, cosines[rows], sines[rows], exchange, self.config)
            for index, rows in enumerate(row_blocks(batch.rows, count))
        ]

    def _forward(
        self, shard: Shard, adapter: Sequence[AdapterLayer], kept: Kept | None, first_recorded: int
    ) -> Steps[Array]:
        state: Array = np.take(self.weights.embedding, shard.batch.ids[shard.rows], 0)
        for number, weights in enumerate(self.weights.layers):
            state, record = yield from layer_forward(number, state, weights, adapter[number], shard)
            if kept is not None:
                kept.append(record if number >= first_recorded else record.entered)
            del record
        return state

    def _backward(
        self, shard: Shard, output: Array, kept: Kept, by_targets: Array, adapter: Adapter, gradients: Adapter
    ) -> Steps[None]:
        gradient = np.zeros_like(output)
        gradient[shard.local_target_rows] = by_targets[shard.own_targets]
        for number in reversed(range(self.config.layers)):
            weights, pairs = self.weights.layers[number], adapter.layers[number]
            record = kept.pop()
            if not isinstance(record, LayerRecord):
                _, record = yield from layer_forward(number, record, weights, pairs, shard)
            yield from layer_backward(
                number, gradient, record, weights, pairs, gradients.layers[number], shard
            )
            del record
