"""The rules by which a job's curves are judged, as data: names, thresholds, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a diagnosis asks of the reader."""

    GOOD = "good"
    NOTE = "note"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class DiagnosisRule:
    """One thing that curves can show.

    The thresholds are ours, set in November 2026 so that none of 1,000 made curves without a fault fires a
    rule (tests/unit/core/test_diagnosis.py), and checked on curves of the local engine.
    """

    name: str
    severity: Severity
    advice: str
    """What to do, one sentence; empty when nothing has to be done."""
    least_points: int
    """Measured points before the rule is asked."""
    change: float
    """Relative change of the level that the rule needs: 0.5 is half as much again."""
    noises: float
    """How many standard errors of the levels the change must also exceed."""


DIVERGING = DiagnosisRule(
    "diverging", Severity.BAD,
    "Train again with a third of the learning rate, from the last good checkpoint.",
    least_points=15, change=0.5, noises=4.0,
)  # fmt: skip
RATE_TOO_HIGH = DiagnosisRule(
    "rate-too-high", Severity.BAD, "Train again with a third of the learning rate.",
    least_points=15, change=0.5, noises=4.0,
)  # fmt: skip
"""As DIVERGING, when the rise began within `EARLY_SHARE` of the job: the rate never suited."""
OVERFITTING = DiagnosisRule(
    "overfitting", Severity.WARNING, "Use the checkpoint nearest to that step, or train fewer epochs.",
    least_points=3, change=0.03, noises=3.0,
)  # fmt: skip
FLAT = DiagnosisRule(
    "flat", Severity.WARNING,
    "The learning rate may be too low, or the model knows these rows already.",
    least_points=30, change=0.02, noises=2.0,
)  # fmt: skip
"""Fires when the change stays below both of its thresholds, after `FLAT_SHARE` of the job."""
NO_VALIDATION = DiagnosisRule(
    "no-validation", Severity.NOTE,
    "Without a validation file overfitting can't be seen; split one off at the next launch.",
    least_points=1, change=0.0, noises=0.0,
)  # fmt: skip
LEARNING = DiagnosisRule("learning", Severity.GOOD, "", least_points=10, change=0.0, noises=0.0)
TOO_EARLY = DiagnosisRule("too-early", Severity.NOTE, "", least_points=1, change=0.0, noises=0.0)

RULES: tuple[DiagnosisRule, ...] = (
    RATE_TOO_HIGH, DIVERGING, OVERFITTING, FLAT, TOO_EARLY, NO_VALIDATION, LEARNING,
)  # fmt: skip
"""All rules in the order in which they are asked; the first that fires is told."""

EARLY_SHARE = 1 / 3
"""Part of a job in which a rise is put down to the learning rate."""
FLAT_SHARE = 0.25
"""Part of a job that has to be over before it can be called flat."""
LEAST_RISE = 0.05
"""A divergence comes back up by at least this part of where the loss began."""
FAST_DROP = 0.1
"""A change of this part is never called flat, however noisy the curve, nor a start so far above the end."""
RISES = 2
"""Whole validations, or levels of sampled ones, in a row above the lowest before it counts as overfitting."""
