from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.engine.llama.sharding import ShardPool
from tui.engine.trainers.optimizer import AdamW
from tui.engine.trainers.schedule import Hyperparameters, Schedule, resolve_hyperparameters


@pytest.mark.parametrize(
    ("examples", "epochs", "batch"),
    [(10, 10, 4), (75, 4, 4), (100, 3, 4), (256, 3, 4), (257, 3, 8), (3, 10, 3)],
)
def test_what_is_left_to_auto_follows_from_the_number_of_examples(
    examples: int, epochs: int, batch: int
) -> None:
    settings = resolve_hyperparameters({"n_epochs": "auto"}, "supervised", examples)
    assert settings == Hyperparameters(epochs, batch, 1.0)


def test_what_is_asked_for_is_kept() -> None:
    asked = {"n_epochs": 2, "batch_size": 16, "learning_rate_multiplier": 0.5, "beta": 0.3}
    assert resolve_hyperparameters(asked, "dpo", 100).as_json() == asked


@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 4), st.integers(0, 2**31))
def test_every_epoch_shows_every_example_once(examples: int, batch: int, epochs: int, seed: int) -> None:
    schedule = Schedule(Hyperparameters(epochs, batch, 1.0), examples, seed, 1e-3)
    shown = Counter(number for step in range(1, schedule.total_steps + 1) for number in schedule.batch(step))
    assert shown == dict.fromkeys(range(examples), epochs)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.integers(1, 7))
def test_trained_tokens_are_those_of_the_batches_so_far(counts: list[int], batch: int) -> None:
    schedule = Schedule(Hyperparameters(3, batch, 1.0), len(counts), 1, 1e-3)
    total = 0
    for step in range(1, schedule.total_steps + 1):
        total += sum(counts[number] for number in schedule.batch(step))
        assert schedule.tokens_until(step, counts) == total


def test_the_learning_rate_rises_then_falls_to_a_twentieth() -> None:
    schedule = Schedule(Hyperparameters(10, 1, 2.0), 10, 0, 1e-3)
    rates = [schedule.learning_rate(step) for step in range(1, 101)]
    top = int(np.argmax(rates))
    assert rates[top] == pytest.approx(2e-3)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] == pytest.approx(1e-4)


def test_adam_takes_the_step_its_paper_describes() -> None:
    parameters = np.array([1.0, -2.0, 3.0])
    optimizer = AdamW(parameters, ShardPool())
    optimizer.update([np.array([0.1, 0.0, -0.2]), np.array([0.1, 0.0, -0.2])], 0.01)
    # After one step the corrected moments are g and g squared, so each number moves by the rate; then decay.
    expected = np.array([1.0, -2.0, 3.0]) * (1 - 0.01 * 0.01) - 0.01 * np.array([1.0, 0.0, -1.0])
    np.testing.assert_allclose(parameters, expected, atol=1e-8)


def test_a_gradient_that_is_not_finite_changes_nothing() -> None:
    parameters = np.ones(3)
    optimizer = AdamW(parameters, ShardPool())
    assert np.isnan(optimizer.update([np.array([1.0, np.inf, 0.0])], 0.1))
    assert np.array_equal(parameters, np.ones(3))
    assert optimizer.updates == 0
