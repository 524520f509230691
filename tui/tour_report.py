"""What a tour found, as one value: for programs as JSON, for people as sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tui.datasets.report import Report
from tui.money.estimate import Estimate
from tui.tour_exam import ExamResult

ACCURACY_TO_REACH = 0.8
"""Held-out accuracy that a tour has to exceed.

Seen on the shipped example: 0.13 before, 1.00 after 3 epochs (60 rows, 2026-11-21).
"""
_SAMPLES = 6


@dataclass(frozen=True, slots=True)
class LossCurve:
    """Training loss by step."""

    points: tuple[tuple[int, float], ...]

    def as_json(self) -> dict[str, Any]:
        """Return {steps, first, last}; first and last are None without any step."""
        if not self.points:
            return {"steps": 0, "first": None, "last": None}
        return {"steps": self.points[-1][0], "first": self.points[0][1], "last": self.points[-1][1]}


@dataclass(frozen=True, slots=True)
class TourResult:
    """Everything that a tour measured."""

    example: str
    check: Report
    cost: Estimate
    compared: Estimate | None
    """What the same training would cost at a service, for comparison."""
    job_id: str
    resumed: bool
    """True when the job was begun by an earlier tour that was interrupted."""
    fine_tuned_model: str
    trained_tokens: int | None
    loss: LossCurve
    before: ExamResult
    after: ExamResult
    seconds: float

    @property
    def passed(self) -> bool:
        """True when the tuned model answers over 80 % of the held-out rows right, and more than the base."""
        return self.after.accuracy > max(ACCURACY_TO_REACH, self.before.accuracy)

    @property
    def sentence(self) -> str:
        """The outcome in plain words."""
        total = len(self.after.answers)
        return (
            f"On {total} sentences that were not in the training file, {self.before.model} gave the right "
            f"word {self.before.correct} times and the tuned model {self.after.correct} times: "
            f"{self.before.accuracy:.0%} before, {self.after.accuracy:.0%} after."
        )

    def samples(self) -> list[dict[str, Any]]:
        """Return some rows with both answers, those where tuning changed the outcome first."""
        pairs = list(zip(self.before.answers, self.after.answers, strict=True))
        pairs.sort(key=lambda pair: pair[0].is_right == pair[1].is_right)
        return [
            {
                "text": base.question.text,
                "expected": base.question.expected,
                "base": base.answer,
                "tuned": tuned.answer,
            }
            for base, tuned in pairs[:_SAMPLES]
        ]

    def as_json(self) -> dict[str, Any]:
        """Return the stable shape that `tunedeck tour --json` prints."""
        return {
            "example": self.example,
            "passed": self.passed,
            "sentence": self.sentence,
            "check": {
                "file": self.check.file,
                "format": str(self.check.format),
                "rows": self.check.rows,
                "valid": self.check.valid,
                "counts": dict(self.check.counts),
            },
            "cost": self.cost.as_json(),
            "cost_elsewhere": self.compared.as_json() if self.compared else None,
            "job": self.job_id,
            "resumed": self.resumed,
            "fine_tuned_model": self.fine_tuned_model,
            "trained_tokens": self.trained_tokens,
            "loss": self.loss.as_json(),
            "held_out": {"before": self.before.as_json(), "after": self.after.as_json()},
            "samples": self.samples(),
            "seconds": round(self.seconds, 1),
        }
