"""What the run loop asks of a trainer, so that another one can write the same run folder and events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

Array = npt.NDArray[Any]


class TrainingDiverged(ArithmeticError):
    """Loss or gradients are not numbers any more; going on would only spoil the adapter."""


@dataclass(frozen=True, slots=True)
class BatchMetrics:
    """What one batch showed; `loss` is in nats, a mean over learned tokens (supervised) or pairs (DPO)."""

    loss: float
    token_accuracy: float | None
    """Share of learned tokens that were the model's first guess; None where no tokens are compared."""
    extras: Mapping[str, float] = field(default_factory=dict)
    """Further numbers of the method, such as `rewards_margin`."""


class Trainer(Protocol):
    """Learns from batches of examples given by number; when and in which order is the run loop's business."""

    @property
    def token_counts(self) -> Sequence[int]:
        """Tokens of each training example, prompt and answer."""
        ...

    @property
    def validation_count(self) -> int:
        """Number of validation examples."""
        ...

    def train_step(self, examples: Sequence[int], learning_rate: float) -> BatchMetrics:
        """Learn from one batch; the metrics are of the model before the step.

        Raises:
            TrainingDiverged: Before anything is changed.
        """
        ...

    def validate(self, examples: Sequence[int]) -> BatchMetrics:
        """Measure validation examples without learning."""
        ...

    def use_threads(self, threads: int) -> None:
        """Compute with so many threads from now on; must not change any result."""
        ...

    def save_adapter(self, folder: Path) -> None:
        """Write the adapter in PEFT's format."""
        ...

    def state(self) -> Mapping[str, Array]:
        """Return all that is needed to go on from here, as float32 arrays."""
        ...

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from what `state` returned."""
        ...

    def close(self) -> None:
        """Let threads and memory go; nothing is asked afterwards."""
        ...
