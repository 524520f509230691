"""The whole network over a packed batch: forward, and backward within a memory budget.

Layers whose record fits the budget keep it; the others keep only their input and are run again in the
backward pass, which gives the same numbers bit for bit at the price of time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tui.engine.llama.layer import (
    LayerRecord,
    Rows,
    layer_backward,
    layer_forward,
    recorded_floats,
    rows_of,
)
from tui.engine.llama.lora import Adapter
from tui.engine.llama.operations import RopeTables
from tui.engine.llama.packing import PackedBatch
from tui.engine.llama.weights import LlamaWeights

Array = npt.NDArray[Any]


@dataclass(slots=True)
class ForwardRecord:
    """What `backward` needs; used up by it."""

    rows: Rows
    layers: list[LayerRecord | Array]
    """Each layer's record, or its input alone."""


class Network:
    """A base model ready to train adapters on; has no state of its own and may be used by several threads.

    Args:
        weights: The frozen base.
        positions: Longest sequence in tokens.
    """

    def __init__(self, weights: LlamaWeights, positions: int) -> None:
        self.weights = weights
        self.config = weights.config
        self._tables = RopeTables(self.config, positions, weights.embedding.dtype)

    def forward(self, batch: PackedBatch, adapter: Adapter | None) -> Array:
        """Return the last layer's output [rows, hidden], keeping nothing."""
        rows = self._rows(batch)
        state = self._embed(batch)
        with np.errstate(over="ignore"):
            for index, weights in enumerate(self.weights.layers):
                state, _ = layer_forward(state, weights, self._pairs(adapter, index), rows)
        return state

    def forward_to_train(
        self, batch: PackedBatch, adapter: Adapter, budget_bytes: int
    ) -> tuple[Array, ForwardRecord]:
        """Return the last layer's output and the record for `backward`, which stays near `budget_bytes`."""
        rows = self._rows(batch)
        state = self._embed(batch)
        kept: list[LayerRecord | Array] = []
        first_recorded = self.config.layers - self.recorded_layers(batch.rows, budget_bytes)
        with np.errstate(over="ignore"):
            for index, weights in enumerate(self.weights.layers):
                state, record = layer_forward(state, weights, adapter.layers[index], rows)
                kept.append(record if index >= first_recorded else record.entered)
        return state, ForwardRecord(rows, kept)

    def backward(self, gradient: Array, record: ForwardRecord, adapter: Adapter, gradients: Adapter) -> None:
        """Add the derivative by the adapter to `gradients`; overwrites `gradient` [rows, hidden]."""
        with np.errstate(over="ignore"):
            for index in reversed(range(self.config.layers)):
                weights, pairs = self.weights.layers[index], adapter.layers[index]
                kept = record.layers.pop()
                if not isinstance(kept, LayerRecord):
                    _, kept = layer_forward(kept, weights, pairs, record.rows)
                into = gradients.layers[index]
                layer_backward(gradient, kept, weights, pairs, into, record.rows, first=index == 0)

    def recorded_layers(self, rows: int, budget_bytes: int) -> int:
        """Return how many of the last layers can keep their whole record."""
        size = self.weights.embedding.itemsize
        left = budget_bytes - rows * size * self.config.hidden * self.config.layers
        return max(0, min(self.config.layers, left // (rows * size * recorded_floats(self.config))))

    def _embed(self, batch: PackedBatch) -> Array:
        return np.take(self.weights.embedding, batch.ids, 0)

    def _rows(self, batch: PackedBatch) -> Rows:
        return rows_of(batch, self._tables.cosines, self._tables.sines, self.config)

    @staticmethod
    def _pairs(adapter: Adapter | None, index: int) -> Any:
        return None if adapter is None else adapter.layers[index]
