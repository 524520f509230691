"""Choosing the next token from the model's logits."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tui.engine.serving.json_constraint import NOTHING, JsonConstraint

GREEDY_BELOW = 1e-5
"""Temperatures below this take the likeliest token."""

NUCLEUS_GUESS = 1024
"""How many of the likeliest tokens are sorted at first when looking for the top_p nucleus."""


@dataclass(frozen=True, slots=True)
class SamplingOptions:
    """What a request says about the choice of tokens; the defaults are the service's."""

    temperature: float = 1.0
    top_p: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    seed: int | None = None


class Sampler:
    """Draws the tokens of one answer; equal options, seed and logits give equal tokens.

    Args:
        options: The request's sampling options.
        choice: Index of the answer within its request, so that `n` answers differ under one seed.
    """

    def __init__(self, options: SamplingOptions, choice: int) -> None:
        self._options = options
        seed = secrets.randbits(63) if options.seed is None else options.seed & ((1 << 63) - 1)
        self._random = np.random.Generator(np.random.PCG64([seed, choice]))
        self._counts: dict[int, int] = {}
        self._bias_ids = np.array(list(options.logit_bias), dtype=np.intp)
        self._bias = np.array(list(options.logit_bias.values()), dtype=np.float32)

    def choose(self, logits: NDArray[np.float32], constraint: JsonConstraint | None = None) -> int | None:
        """Return the next token, or None when `constraint` leaves none.

        Args:
            logits: [vocabulary], left as it is.
            constraint: Rules out tokens that would break the answer's form.
        """
        adjusted = self._adjusted(logits)
        if constraint is None:
            token: int | None = self._draw(adjusted)
        else:
            token = self._choose_within(constraint, adjusted.copy() if adjusted is logits else adjusted)
        if token is not None:
            self._counts[token] = self._counts.get(token, 0) + 1
        return token

    def _choose_within(self, constraint: JsonConstraint, logits: NDArray[np.float32]) -> int | None:
        """Draw until a permitted token comes; ruling out the others one by one is the same as masking all."""
        constraint.mask(logits)
        while True:
            token = self._draw(logits)
            if logits[token] == NOTHING:
                return None
            if constraint.permits(token):
                return token
            logits[token] = NOTHING

    def _adjusted(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits with bias and penalties; the same array when there are none."""
        penalised = self._counts and (self._options.presence_penalty or self._options.frequency_penalty)
        if not penalised and not len(self._bias_ids):
            return logits
        adjusted = logits.copy()
        adjusted[self._bias_ids] += self._bias
        if penalised:
            seen = np.fromiter(self._counts, dtype=np.intp)
            counts = np.fromiter(self._counts.values(), dtype=np.float32)
            adjusted[seen] -= self._options.presence_penalty + self._options.frequency_penalty * counts
        return adjusted

    def _draw(self, logits: NDArray[np.float32]) -> int:
        if self._options.temperature < GREEDY_BELOW:
            return int(logits.argmax())
        highest = logits.max()
        if highest == NOTHING:
            return int(logits.argmax())
        weights = np.exp((logits - highest) * np.float32(1.0 / self._options.temperature))
        if self._options.top_p < 1.0:
            tokens = _nucleus(weights, self._options.top_p)
            return int(tokens[self._pick(weights[tokens])])
        return self._pick(weights)

    def _pick(self, weights: NDArray[np.float32]) -> int:
        cumulative = np.cumsum(weights, dtype=np.float64)
        point = self._random.random() * cumulative[-1]
        return min(int(np.searchsorted(cumulative, point, side="right")), len(weights) - 1)


def _nucleus(weights: NDArray[np.float32], top_p: float) -> NDArray[np.intp]:
    """Return the fewest likeliest tokens whose share reaches `top_p`, likeliest first; at least one."""
    target = float(weights.sum(dtype=np.float64)) * top_p
    guess = min(NUCLEUS_GUESS, len(weights) - 1)
    candidates = np.argpartition(weights, -guess)[-guess:] if guess else np.zeros(1, dtype=np.intp)
    if float(weights[candidates].sum(dtype=np.float64)) < target:
        candidates = np.arange(len(weights))
    ordered = candidates[np.argsort(-weights[candidates], kind="stable")]
    reached = np.searchsorted(np.cumsum(weights[ordered], dtype=np.float64), target)
    return ordered[: int(reached) + 1]


def log_probabilities(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return natural-log probabilities over the last axis, before any temperature or penalty."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shifted
