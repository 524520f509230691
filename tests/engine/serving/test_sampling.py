"""The choice of tokens follows the options of the request."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tui.engine.serving.sampling import Sampler, SamplingOptions, log_probabilities

LOGITS: NDArray[np.float32] = np.log(np.array([0.5, 0.25, 0.15, 0.1], dtype=np.float32))


def drawn(
    options: SamplingOptions, logits: NDArray[np.float32] = LOGITS, count: int = 4000
) -> NDArray[np.float64]:
    """Return the share of each token among independent draws."""
    samplers = (Sampler(options, number) for number in range(count))
    tokens = [sampler.choose(logits) for sampler in samplers]
    return np.bincount([token for token in tokens if token is not None], minlength=len(logits)) / count


def test_tokens_come_as_often_as_the_model_says() -> None:
    assert drawn(SamplingOptions(seed=1)) == pytest.approx([0.5, 0.25, 0.15, 0.1], abs=0.03)


def test_temperature_sharpens_and_zero_takes_the_likeliest() -> None:
    cold = drawn(SamplingOptions(temperature=0.5, seed=1))
    squares = np.array([0.5, 0.25, 0.15, 0.1]) ** 2
    assert cold == pytest.approx(squares / squares.sum(), abs=0.03)
    assert drawn(SamplingOptions(temperature=0), count=20)[0] == 1


@pytest.mark.parametrize(("top_p", "kept"), [(0.0, 1), (0.4, 1), (0.6, 2), (0.9, 3), (0.95, 4)])
def test_top_p_keeps_the_fewest_tokens_that_reach_it(top_p: float, kept: int) -> None:
    shares = drawn(SamplingOptions(top_p=top_p, seed=2), count=1500)
    assert np.count_nonzero(shares) == kept


def test_the_nucleus_is_right_beyond_the_tokens_looked_at_first() -> None:
    flat: NDArray[np.float32] = np.zeros(5000, dtype=np.float32)
    shares = drawn(SamplingOptions(top_p=0.5, seed=3), flat, count=6000)
    assert 1500 < np.count_nonzero(shares) <= 2501


def test_bias_and_penalties_move_tokens() -> None:
    assert drawn(SamplingOptions(logit_bias={0: -100}, seed=1), count=500)[0] == 0
    sampler = Sampler(SamplingOptions(temperature=0, presence_penalty=2, frequency_penalty=0.5), 0)
    tokens = [sampler.choose(LOGITS) for _ in range(4)]
    assert tokens == [0, 1, 2, 3]
    assert LOGITS[0] == np.log(np.float32(0.5))


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_seed_repeats(seed: int) -> None:
    options = SamplingOptions(seed=seed)
    first, second = Sampler(options, 0), Sampler(options, 0)
    assert [first.choose(LOGITS) for _ in range(20)] == [second.choose(LOGITS) for _ in range(20)]


def test_log_probabilities_sum_to_one() -> None:
    logits = np.random.default_rng(0).standard_normal((3, 500)).astype(np.float32) * 30
    assert np.exp(log_probabilities(logits)).sum(axis=1) == pytest.approx(1)
