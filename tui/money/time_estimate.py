"""How long the local engine would take, as a range with what it is derived from."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

DEFAULT_TOKENS_PER_SECOND_AND_CORE = 125.0
"""SmolLM2-135M on one core with AVX2, 60 to 130 tokens per example: measured 200 to 290 tokens per CPU second
on a quiet machine (2026-11-20), of which a loaded desktop leaves about half."""
_USEFUL_CORES = 4
_DEFAULT_SPREAD = 2.0
_MEASURED_SPREAD = 1.3


@dataclass(frozen=True, slots=True)
class TimeEstimate:
    """A range of seconds, and what it is derived from."""

    low: float
    high: float
    source: str

    @property
    def text(self) -> str:
        """The range in words, such as "about 2 to 5 minutes"."""
        return f"about {_span(self.low, self.high)}"


def estimate_local_time(
    tokens_per_epoch: int, epochs: int, measured_rates: Sequence[float] = ()
) -> TimeEstimate:
    """Return how long the local engine would train.

    Args:
        tokens_per_epoch: Tokens of one pass.
        epochs: Passes.
        measured_rates: Trained tokens per second of past jobs on this machine (`Store.training_rates`).
    """
    tokens = tokens_per_epoch * epochs
    if measured_rates:
        rate = statistics.median(measured_rates)
        jobs = "job" if len(measured_rates) == 1 else f"{len(measured_rates)} jobs"
        source = f"your last {jobs} here trained {rate:,.0f} tokens per second"
        slow, fast = min(measured_rates) / _MEASURED_SPREAD, max(measured_rates) * _MEASURED_SPREAD
    else:
        cores = min(os.cpu_count() or 1, _USEFUL_CORES)
        rate = DEFAULT_TOKENS_PER_SECOND_AND_CORE * cores
        source = (
            f"assuming {rate:,.0f} tokens per second on {cores} cores; the first job here will tell better"
        )
        slow, fast = rate / _DEFAULT_SPREAD, rate * _DEFAULT_SPREAD
    return TimeEstimate(tokens / fast, tokens / slow, source)


def _span(low: float, high: float) -> str:
    minute, hour = 60.0, 3600.0
    for size, word in ((hour, "hours"), (minute, "minutes")):
        if high >= 2 * size:
            return f"{max(1, round(low / size))} to {round(high / size)} {word}"
    return f"{max(1, round(low))} to {max(2, round(high))} seconds"
