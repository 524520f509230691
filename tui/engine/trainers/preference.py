"""Direct preference optimisation (Rafailov et al. 2023): preferred answers gain over rejected ones.

The reference model is the base itself, with the adapter off; a job that goes on from an existing adapter
keeps that one, frozen, as its reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tui.engine.llama.base_model import BaseModel
from tui.engine.llama.lora import Adapter
from tui.engine.llama.network import ForwardPass
from tui.engine.llama.packing import PackedBatch, pack
from tui.engine.llama.tokenizer import TrainingExample
from tui.engine.trainers.adapter_trainer import RECORD_BYTES, AdapterTrainer, turns
from tui.engine.trainers.protocol import BatchMetrics

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """Two answers to one prompt."""

    preferred: TrainingExample
    rejected: TrainingExample

    @property
    def token_count(self) -> int:
        """Tokens of both conversations."""
        return self.preferred.token_count + self.rejected.token_count


class PreferenceTrainer(AdapterTrainer):
    """Minimises -log sigmoid(margin), averaged over pairs.

    The margin is `beta` times what the log-probability ratio of preferred to rejected gained over the
    reference.
    """

    def __init__(
        self,
        base: BaseModel,
        adapter: Adapter,
        training: Sequence[PreferencePair],
        validation: Sequence[PreferencePair],
        beta: float,
        reference: Adapter | None = None,
    ) -> None:
        pairs = (*training, *validation)
        longest = max(
            (len(side.ids) for pair in pairs for side in (pair.preferred, pair.rejected)), default=1
        )
        super().__init__(base, adapter, longest)
        self._training = training
        self._validation = validation
        self._beta = beta
        self._reference = reference
        self.token_counts = [pair.token_count for pair in training]
        self.validation_count = len(validation)

    def train_step(self, examples: Sequence[int], learning_rate: float) -> BatchMetrics:
        """Learn from one batch."""
        return self.learn(self.collect([self._training[number] for number in examples]), learning_rate)

    def validate(self, examples: Sequence[int]) -> BatchMetrics:
        """Measure validation pairs."""
        chosen = [self._validation[number] for number in examples]
        margins = [
            self._margins(batch, self.network.forward(batch, self.adapter)) for batch in _batches(chosen)
        ]
        return _metrics(np.concatenate(margins))

    def collect(self, chosen: Sequence[PreferencePair]) -> BatchMetrics:
        """Add the gradients of one batch to the buffers without taking the step."""
        found = []
        for batch in _batches(chosen):
            done = self.network.forward(batch, self.adapter, record_bytes=RECORD_BYTES)
            margins = self._margins(batch, done)
            found.append(margins)
            # d loss / d margin = -sigmoid(-margin); the head wants factors of negative log probabilities.
            pull = self._beta * np.exp(-np.logaddexp(0, margins)) / len(chosen)
            by_sequence = np.stack([pull, -pull], axis=1).reshape(-1)
            result = self.network.score(done, by_sequence[batch.sequence_of_target])
            assert result.gradient is not None
            self.network.backward(done, result.gradient, self.adapter, self.buffers_for(batch.rows))
        return _metrics(np.concatenate(found))

    def _margins(self, batch: PackedBatch, done: ForwardPass) -> Numbers:
        reference = self._sums(batch, self.network.forward(batch, self._reference))
        gained = self._beta * (self._sums(batch, done) - reference)
        return np.asarray(gained[0::2] - gained[1::2])

    def _sums(self, batch: PackedBatch, done: ForwardPass) -> Numbers:
        """Return each sequence's log probability."""
        scored = self.network.score(done)
        sums = np.bincount(batch.sequence_of_target, scored.log_probabilities, batch.sequences)
        return sums.astype(np.float64)


def _metrics(margins: Numbers) -> BatchMetrics:
    extras = {"rewards_accuracy": float((margins > 0).mean()), "rewards_margin": float(margins.mean())}
    return BatchMetrics(float(np.logaddexp(0, -margins).mean()), None, extras)


def _batches(pairs: Sequence[PreferencePair]) -> Iterator[PackedBatch]:
    """Pack pairs, each sharing its prompt."""
    for part in turns(pairs, _rows):
        yield pack([(pair.preferred, pair.rejected) for pair in part])


def _rows(pair: PreferencePair) -> int:
    return len(pair.preferred.ids) + len(pair.rejected.ids)
