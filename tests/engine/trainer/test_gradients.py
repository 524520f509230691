from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.engine.trainer.models import each_a_row, random_adapter, random_examples, tiny_base
from tui.engine.llama import attention, packing
from tui.engine.llama.lora import Adapter
from tui.engine.trainers import adapter_trainer
from tui.engine.trainers.preference import PreferencePair, PreferenceTrainer
from tui.engine.trainers.supervised import SupervisedTrainer


def assert_gradient_is_right(adapter: Adapter, gradient: np.ndarray, loss: Callable[[], float]) -> None:
    """Compare with central differences along random directions and along single numbers, in float64."""
    generator = np.random.default_rng(5)
    start = adapter.vector.copy()
    directions = [generator.standard_normal(len(start)) for _ in range(3)]
    for index in generator.integers(0, len(start), 12):
        directions.append(np.eye(1, len(start), int(index))[0])
    for direction in directions:
        step = 1e-5
        adapter.vector[:] = start + step * direction
        above = loss()
        adapter.vector[:] = start - step * direction
        below = loss()
        adapter.vector[:] = start
        expected = (above - below) / (2 * step)
        assert float(gradient @ direction) == pytest.approx(expected, rel=1e-5, abs=1e-8)


def summed(trainer: adapter_trainer.AdapterTrainer) -> np.ndarray:
    total: np.ndarray = np.sum([buffer.vector for buffer in trainer._buffers], axis=0)
    return total


@pytest.mark.parametrize("shared", [0, 8])
@pytest.mark.parametrize("layout", ["one masked attention", "blocks of queries"])
@pytest.mark.parametrize("records", ["kept", "made again"])
def test_supervised_gradients_agree_with_finite_differences(
    shared: int, layout: str, records: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if layout == "blocks of queries":
        monkeypatch.setattr(packing, "DENSE_ROWS", 0)
        monkeypatch.setattr(attention, "BLOCK_SCORES", 1)
        monkeypatch.setattr(attention, "SMALLEST_BLOCK", 5)
    if records == "made again":
        monkeypatch.setattr("tui.engine.trainers.supervised.RECORD_BYTES", 0)
    base = tiny_base(np.float64)
    adapter = random_adapter(base, np.float64)
    examples = random_examples(3, shared=shared)
    trainer = SupervisedTrainer(base, adapter, each_a_row(examples), [])
    trainer.collect(examples)
    assert_gradient_is_right(adapter, summed(trainer), lambda: trainer.collect(examples).loss)


def test_dpo_gradients_agree_with_finite_differences() -> None:
    base = tiny_base(np.float64)
    adapter = random_adapter(base, np.float64)
    one, two, three, four = random_examples(4, shared=7)
    pairs = [PreferencePair(one, two), PreferencePair(three, four)]
    trainer = PreferenceTrainer(base, adapter, pairs, [], beta=0.7)
    trainer.collect(pairs)
    assert_gradient_is_right(adapter, summed(trainer), lambda: trainer.collect(pairs).loss)


def test_every_adapter_matrix_receives_a_gradient() -> None:
    base = tiny_base()
    adapter = random_adapter(base)
    examples = random_examples(3)
    trainer = SupervisedTrainer(base, adapter, each_a_row(examples), [])
    trainer.collect(examples)
    collected = trainer.adapter.like()
    collected.vector[:] = summed(trainer)
    for layer in collected.layers:
        for name, pair in layer.items():
            assert np.abs(pair.down).max() > 0, name
            assert np.abs(pair.up).max() > 0, name
