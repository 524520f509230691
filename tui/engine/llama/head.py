"""The output head: scores of the whole vocabulary, only where something is learned, some rows at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tui.engine.llama.operations import rms_norm, rms_norm_backward
from tui.engine.llama.weights import LlamaWeights

Array = npt.NDArray[Any]

CHUNK_BYTES = 24 << 20
"""Scores held at once per thread; 24 MB is 128 rows of a vocabulary of 49,152."""


@dataclass(frozen=True, slots=True)
class HeadResult:
    """What the head says about each target."""

    log_probabilities: Array
    """float64, natural logarithm of each target's probability."""
    hits: Array
    """Whether the target was the likeliest token."""
    gradient: Array | None
    """Derivative by each target's row, when coefficients were given."""


def run_head(
    rows: Array, targets: Array, weights: LlamaWeights, coefficients: Array | None = None
) -> HeadResult:
    """Score `targets` at `rows` [targets, hidden].

    With `coefficients`, also returns the derivative by `rows` of the sum over targets of coefficient times
    *negative* log probability.
    """
    chunk = max(1, CHUNK_BYTES // (weights.config.vocabulary * rows.itemsize))
    log_probabilities = np.empty(len(rows), np.float64)
    hits = np.empty(len(rows), bool)
    gradient = None if coefficients is None else np.empty_like(rows)
    for start in range(0, len(rows), chunk):
        part = slice(start, start + chunk)
        normalised, inverse = rms_norm(rows[part], weights.final_norm, weights.config.norm_epsilon)
        scores = normalised @ weights.output.T
        every = np.arange(len(scores))
        hits[part] = scores.argmax(1) == targets[part]
        scores -= scores.max(1, keepdims=True)
        wanted = scores[every, targets[part]].astype(np.float64)
        np.exp(scores, out=scores)
        sums = scores.sum(1, dtype=np.float64)
        log_probabilities[part] = wanted - np.log(sums)
        if coefficients is None or gradient is None:
            continue
        factors = coefficients[part]
        scores *= (factors / sums).astype(rows.dtype)[:, None]
        scores[every, targets[part]] -= factors.astype(rows.dtype)
        by_normalised = scores @ weights.output
        gradient[part] = rms_norm_backward(by_normalised, rows[part], inverse, weights.final_norm)
    return HeadResult(log_probabilities, hits, gradient)
