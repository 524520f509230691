"""How far our count of a file is from what a service trained on, learned from finished jobs.

`trained_tokens / n_epochs` of a succeeded job is what one epoch was billed; beside it stands our count of the
same content. Their ratio is shown with the number of jobs it comes from, and never applied to anything.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tui.records.model_names import base_of

_UNIT = 100
_AGREES = 0.0005
"""Below half a thousandth the count is said to agree."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One finished job beside our count of its training file."""

    provider: str
    model: str
    """Base model."""
    format: str
    """Of the file: chat, preference, ..."""
    job_id: str
    billed: float
    """Tokens of one epoch, as the service trained them."""
    counted: int
    """Tokens of one epoch, as we count them."""

    @property
    def ratio(self) -> float:
        """What our count has to be multiplied with to be the service's."""
        return self.billed / self.counted


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the finished jobs of one provider, model and format suggest."""

    provider: str
    model: str
    format: str
    factor: float
    """Median of the jobs' ratios."""
    least: float
    most: float
    jobs: int

    def corrected(self, tokens: int) -> int:
        """Return what the jobs suggest that `tokens` of ours are to the service."""
        return round(tokens * self.factor)

    def sentence(self, counted: int) -> str:
        """Return the count and what the jobs suggest: `counted 12,345; 3 finished jobs suggest +0.4 %`."""
        jobs = "1 finished job suggests" if self.jobs == 1 else f"{self.jobs:,} finished jobs suggest"
        if max(abs(self.least - 1), abs(self.most - 1)) < _AGREES:
            return f"counted {counted:,}; {jobs} the same"
        spread = ""
        if self.jobs > 1 and self.most - self.least >= _AGREES:
            spread = f" ({_percent(self.least)} to {_percent(self.most)})"
        return f"counted {counted:,}; {jobs} {_percent(self.factor)}{spread}: {self.corrected(counted):,}"

    def as_json(self, counted: int) -> dict[str, Any]:
        """Return it as JSON values beside a count."""
        return {
            "provider": self.provider,
            "model": self.model,
            "format": self.format,
            "jobs": self.jobs,
            "factor": round(self.factor, 6),
            "least": round(self.least, 6),
            "most": round(self.most, 6),
            "counted": counted,
            "suggested": self.corrected(counted),
            "applied": False,
        }


def calibrate(
    observations: Iterable[Observation], provider: str, model: str, dataset_format: str
) -> Calibration | None:
    """Return what the jobs of this provider, base model and format suggest; None when there is none.

    Args:
        observations: Of any jobs; others are left out.
        provider: Such as "openai".
        model: A base model or a tuned one.
        dataset_format: Of the file that is counted.
    """
    base = base_of(model)
    ratios = [
        seen.ratio
        for seen in observations
        if (seen.provider, base_of(seen.model), seen.format) == (provider, base, dataset_format)
        and seen.counted > 0
        and seen.billed > 0
    ]
    if not ratios:
        return None
    middle = statistics.median(ratios)
    return Calibration(provider, base, dataset_format, middle, min(ratios), max(ratios), len(ratios))


def _percent(ratio: float) -> str:
    return f"{(ratio - 1) * _UNIT:+.1f} %"
