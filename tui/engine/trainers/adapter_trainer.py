"""What supervised training and DPO share: a network, a learning adapter, gradients and an optimiser."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy.typing as npt

from tui.engine.llama.base_model import BaseModel
from tui.engine.llama.lora import Adapter
from tui.engine.llama.network import Network
from tui.engine.llama.peft_files import save_peft
from tui.engine.llama.sharding import ShardPool, shard_count
from tui.engine.llama.tokenizer import TrainingExample
from tui.engine.trainers.optimizer import AdamW
from tui.engine.trainers.protocol import BatchMetrics, TrainingDiverged

Array = npt.NDArray[Any]
Example = TypeVar("Example")

ROWS_AT_ONCE = 1024
"""Rows computed together; larger batches take several turns and add up their gradients."""
RECORD_BYTES = 160 << 20
"""Kept for the backward pass. With the 538 MB of a 135M base this leaves a step of 512 tokens below 1 GB."""
PREFIX_KEY = 16
"""Tokens; examples that begin with the same ones are packed as one group."""


class AdapterTrainer:
    """Learns one adapter on a frozen base.

    Args:
        base: The model.
        adapter: Changed in place.
        positions: Longest example in tokens.
    """

    def __init__(self, base: BaseModel, adapter: Adapter, positions: int) -> None:
        self.base = base
        self.adapter = adapter
        self.pool = ShardPool()
        self.network = Network(base.weights, positions, self.pool)
        self.optimizer = AdamW(adapter.vector, self.pool)
        self._buffers = [adapter.like()]

    def use_threads(self, threads: int) -> None:
        """Compute with so many threads from now on."""
        self.pool.threads = threads

    def save_adapter(self, folder: Path) -> None:
        """Write the adapter in PEFT's format."""
        save_peft(self.adapter, folder, self.base.name)

    def state(self) -> Mapping[str, Array]:
        """Return adapter and optimiser."""
        return {"adapter": self.adapter.vector, **self.optimizer.state()}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from what `state` returned."""
        self.adapter.vector[:] = state["adapter"]
        self.optimizer.restore(state)

    def close(self) -> None:
        """Let the threads go."""
        self.pool.close()

    def buffers_for(self, rows: int) -> Sequence[Adapter]:
        """Return gradient buffers for a batch of so many rows; they collect until `learn`."""
        while len(self._buffers) < shard_count(rows):
            self._buffers.append(self.adapter.like())
        return self._buffers

    def learn(self, metrics: BatchMetrics, learning_rate: float) -> BatchMetrics:
        """Take one optimiser step with all that was collected, forget it, and return `metrics`.

        Raises:
            TrainingDiverged: The loss or a gradient is not finite; the adapter is as it was.
        """
        if not math.isfinite(metrics.loss):
            raise TrainingDiverged(f"The training loss became {metrics.loss}.")
        norm = self.optimizer.update([buffer.vector for buffer in self._buffers], learning_rate)
        if not math.isfinite(norm):
            raise TrainingDiverged("The gradients overflowed.")
        for buffer in self._buffers:
            buffer.vector[:] = 0
        return metrics


def turns(
    examples: Iterable[Example], rows_of: Callable[[Example], int], rows_at_once: int = ROWS_AT_ONCE
) -> Iterator[list[Example]]:
    """Cut a batch, in order, into parts of at most `rows_at_once` rows, or of one example that has more."""
    part: list[Example] = []
    rows = 0
    for example in examples:
        more = rows_of(example)
        if part and rows + more > rows_at_once:
            yield part
            part, rows = [], 0
        part.append(example)
        rows += more
    if part:
        yield part


def groups_by_beginning(examples: Sequence[TrainingExample]) -> list[list[TrainingExample]]:
    """Put examples together that begin with the same tokens, so that they share those rows."""
    groups: dict[bytes, list[TrainingExample]] = {}
    for example in examples:
        groups.setdefault(example.ids[:PREFIX_KEY].tobytes(), []).append(example)
    return list(groups.values())
