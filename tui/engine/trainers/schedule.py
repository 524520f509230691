"""Which examples when, and at which learning rate: all of a run that follows from settings and seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SUPERVISED_RATE = 4e-4
"""What a learning-rate multiplier of 1 means for supervised LoRA of rank 16 (measured 2026-11-21)."""
PREFERENCE_RATE = 1e-4
"""The same for DPO, whose loss is steeper (measured 2026-11-21)."""
DEFAULT_BETA = 0.1
WARM_UP_SHARE = 0.06
LONGEST_WARM_UP = 50
"""Steps."""
FINAL_SHARE = 0.05
"""Of the full learning rate, reached at the last step."""


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """Settings with every "auto" resolved."""

    n_epochs: int
    batch_size: int
    learning_rate_multiplier: float
    beta: float | None = None
    """DPO only."""

    def as_json(self) -> dict[str, int | float]:
        """Return what progress.json reports."""
        values: dict[str, int | float] = {
            "n_epochs": self.n_epochs,
            "batch_size": self.batch_size,
            "learning_rate_multiplier": self.learning_rate_multiplier,
        }
        return values if self.beta is None else {**values, "beta": self.beta}


def resolve_hyperparameters(requested: Mapping[str, Any], method: str, examples: int) -> Hyperparameters:
    """Choose what was left to "auto" from the number of examples."""

    def chosen(name: str, automatic: float) -> float:
        value = requested.get(name, "auto")
        return automatic if value in ("auto", None) else value

    return Hyperparameters(
        n_epochs=int(chosen("n_epochs", automatic_epochs(examples))),
        batch_size=min(int(chosen("batch_size", 8 if examples > 256 else 4)), examples),
        learning_rate_multiplier=float(chosen("learning_rate_multiplier", 1.0)),
        beta=float(chosen("beta", DEFAULT_BETA)) if method == "dpo" else None,
    )


def automatic_epochs(examples: int) -> int:
    """Return about 300 examples' worth of passes, at least 3 and at most 10."""
    return max(3, min(10, round(300 / examples)))


class Schedule:
    """The whole run laid out; steps are counted from 1.

    Args:
        settings: Resolved hyperparameters.
        examples: Number of training examples.
        seed: Decides the order of examples.
        base_rate: Learning rate that the multiplier scales.
    """

    def __init__(self, settings: Hyperparameters, examples: int, seed: int, base_rate: float) -> None:
        self.settings = settings
        self.examples = examples
        self.steps_per_epoch = math.ceil(examples / settings.batch_size)
        self.total_steps = self.steps_per_epoch * settings.n_epochs
        self._seed = seed
        self._rate = base_rate * settings.learning_rate_multiplier
        self._warm_up = max(1, min(LONGEST_WARM_UP, round(WARM_UP_SHARE * self.total_steps)))

    def batch(self, step: int) -> Sequence[int]:
        """Return the examples of a step; every epoch has an order of its own."""
        epoch, place = divmod(step - 1, self.steps_per_epoch)
        order = np.random.default_rng([self._seed, epoch]).permutation(self.examples)
        size = self.settings.batch_size
        return [int(number) for number in order[place * size : (place + 1) * size]]

    def learning_rate(self, step: int) -> float:
        """Return the rate of a step: a linear rise, then half a cosine down."""
        if step <= self._warm_up:
            return self._rate * step / self._warm_up
        done = (step - self._warm_up) / max(1, self.total_steps - self._warm_up)
        return self._rate * (FINAL_SHARE + (1 - FINAL_SHARE) * (1 + math.cos(math.pi * done)) / 2)

    def ends_epoch(self, step: int) -> bool:
        """Tell whether an epoch ends with this step."""
        return step % self.steps_per_epoch == 0

    def tokens_until(self, step: int, token_counts: Sequence[int]) -> int:
        """Return the tokens processed by the end of a step, over all epochs so far."""
        epochs, rest = divmod(step, self.steps_per_epoch)
        begun = range(step - rest + 1, step + 1)
        return epochs * sum(token_counts) + sum(
            token_counts[number] for one in begun for number in self.batch(one)
        )
