"""Supervised fine-tuning: the assistant's tokens become likelier."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tui.engine.llama.base_model import BaseModel
from tui.engine.llama.lora import Adapter
from tui.engine.llama.packing import pack
from tui.engine.llama.tokenizer import TrainingExample
from tui.engine.trainers.adapter_trainer import (
    RECORD_BYTES,
    ROWS_AT_ONCE,
    AdapterTrainer,
    groups_by_beginning,
    turns,
)
from tui.engine.trainers.protocol import BatchMetrics
from tui.engine.trainers.training_data import Example


class SupervisedTrainer(AdapterTrainer):
    """Minimises cross entropy, averaged over all learned tokens of a batch."""

    def __init__(
        self,
        base: BaseModel,
        adapter: Adapter,
        training: Sequence[Example],
        validation: Sequence[Example],
    ) -> None:
        longest = max((len(one.ids) for one in _sequences((*training, *validation))), default=1)
        super().__init__(base, adapter, longest)
        self._training = training
        self._validation = validation
        self.token_counts = [example.token_count for example in training]
        self.validation_count = len(validation)

    def train_step(self, examples: Sequence[int], learning_rate: float) -> BatchMetrics:
        """Learn from one batch."""
        chosen = _sequences(self._training[number] for number in examples)
        return self.learn(self.collect(chosen), learning_rate)

    def validate(self, examples: Sequence[int]) -> BatchMetrics:
        """Measure validation examples."""
        chosen = _sequences(self._validation[number] for number in examples)
        total = _target_count(chosen)
        loss = hits = 0.0
        for part in turns(chosen, _rows):
            batch = pack(groups_by_beginning(part))
            result = self.network.score(self.network.forward(batch, self.adapter))
            loss -= float(result.log_probabilities.sum())
            hits += int(result.hits.sum())
        return BatchMetrics(loss / total, hits / total)

    def collect(self, chosen: Sequence[TrainingExample], rows_at_once: int = ROWS_AT_ONCE) -> BatchMetrics:
        """Add the gradients of one batch to the buffers without taking the step."""
        total = _target_count(chosen)
        loss = hits = 0.0
        for part in turns(chosen, _rows, rows_at_once):
            batch = pack(groups_by_beginning(part))
            done = self.network.forward(batch, self.adapter, record_bytes=RECORD_BYTES)
            result = self.network.score(done, np.full(len(batch.targets), 1 / total))
            loss -= float(result.log_probabilities.sum())
            hits += int(result.hits.sum())
            assert result.gradient is not None
            self.network.backward(done, result.gradient, self.adapter, self.buffers_for(batch.rows))
        return BatchMetrics(loss / total, hits / total)


def _sequences(examples: Iterable[Example]) -> list[TrainingExample]:
    return [sequence for example in examples for sequence in example.sequences]


def _rows(example: TrainingExample) -> int:
    return len(example.ids)


def _target_count(examples: Sequence[TrainingExample]) -> int:
    return sum(example.target_count for example in examples)
