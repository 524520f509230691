"""What a job's curves say, in a sentence with the rule that fired and its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.jobs import diagnosis_rules as rules
from tui.jobs.curve_levels import Level, Point, has_risen, level_of, levels_of, newest_level, noise_of
from tui.jobs.diagnosis_rules import DiagnosisRule, Severity
from tui.records.jobs import Job

_TRAIN_STRETCH = 5
_SAMPLED_STRETCH = 3

Metrics = Mapping[int, Mapping[str, float]]
"""Step -> name -> value."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One sentence about a job's curves."""

    rule: DiagnosisRule
    sentence: str
    """What is seen, with its numbers; ends with a full stop."""
    since_step: int | None = None
    """The last step at which it was well, for a rule that tells a turn."""

    @property
    def severity(self) -> Severity:
        """How much it asks of the reader."""
        return self.rule.severity

    @property
    def advice(self) -> str:
        """What to do, or nothing."""
        return self.rule.advice


@dataclass(frozen=True, slots=True)
class Curves:
    """The curves that are judged, steps ascending.

    Args:
        train: Training loss.
        sampled: Validation loss on a sample at some steps.
        whole: Validation loss on the whole file, at the end of each epoch.
        total_steps: Steps of the whole job; None while that is not known.
        has_validation: Whether a validation file was given.
    """

    train: tuple[Point, ...]
    sampled: tuple[Point, ...] = ()
    whole: tuple[Point, ...] = ()
    total_steps: int | None = None
    has_validation: bool = False


def curves_of(metrics: Metrics, *, total_steps: int | None, has_validation: bool) -> Curves:
    """Return the curves in what the store keeps of a job."""
    steps = sorted(metrics)

    def points(name: str) -> tuple[Point, ...]:
        return tuple((step, metrics[step][name]) for step in steps if name in metrics[step])

    return Curves(
        points("train_loss"), points("valid_loss"), points("full_valid_loss"), total_steps, has_validation
    )


def diagnose_job(job: Job, metrics: Metrics, total_steps: int | None) -> Diagnosis | None:
    """Return what a job's kept metrics say, or None while there is no training loss."""
    return diagnose(
        curves_of(metrics, total_steps=total_steps, has_validation=job.validation_file is not None)
    )


def diagnosis_json(found: Diagnosis | None) -> dict[str, Any] | None:
    """Return a diagnosis for `--json` and the archive."""
    if found is None:
        return None
    return {
        "rule": found.rule.name, "severity": str(found.severity), "sentence": found.sentence,
        "advice": found.advice, "since_step": found.since_step,
    }  # fmt: skip


def diagnose(curves: Curves) -> Diagnosis | None:
    """Return what the first rule that fires says; None while there is no training loss at all.

    A job that is tuned by rewards reports none, and is not judged.
    """
    if not curves.train:
        return None
    for ask in _QUESTIONS:
        found = ask(curves)
        if found is not None:
            return found
    return None


def divergence(curves: Curves) -> Diagnosis | None:
    """Return a training loss that has left its lowest level for good, or None."""
    points, rule = curves.train, rules.DIVERGING
    if len(points) < rule.least_points:
        return None
    now = points[-min(10, max(_TRAIN_STRETCH, len(points) // 4)) :]
    before = points[: len(points) - len(now)]
    noise = noise_of(before)
    lowest = _lowest(levels_of(before, least=_TRAIN_STRETCH, noise=noise))
    newest = level_of(now, noise)
    if not has_risen(lowest, newest, change=rule.change, noises=rule.noises):
        return None
    if newest.value - lowest.value < rules.LEAST_RISE * abs(points[0][1]):
        return None  # between almost nothing and twice that
    last = max(curves.total_steps or 0, points[-1][0])
    early = lowest.step <= last * rules.EARLY_SHARE
    sentence = (
        f"training loss is {_number(newest.value)} at step {newest.step:,}, up from {_number(lowest.value)} "
        f"at step {lowest.step:,} ({_percent(lowest.value, newest.value)})."
    )
    if early:
        return Diagnosis(rules.RATE_TOO_HIGH, f"Learning rate too high: {sentence}", lowest.step)
    return Diagnosis(rule, f"Diverging since step {lowest.step:,}: {sentence}", lowest.step)


def overfitting(curves: Curves) -> Diagnosis | None:
    """Return a validation loss that rises while training loss does not, or None."""
    if len(curves.whole) >= rules.OVERFITTING.least_points:
        levels, name = [Level(step, value, 0.0) for step, value in curves.whole], "full validation loss"
    else:
        noise = noise_of(curves.sampled)
        levels, name = levels_of(curves.sampled, least=_SAMPLED_STRETCH, noise=noise), "validation loss"
    if len(levels) < rules.OVERFITTING.least_points or rises_at_end(levels) < rules.RISES:
        return None
    lowest, newest = _lowest(levels), levels[-1]
    rule = rules.OVERFITTING
    if not has_risen(lowest, newest, change=rule.change, noises=rule.noises):
        return None
    then, now = _level_at(curves.train, lowest.step), _level_at(curves.train, newest.step)
    if has_risen(then, now, change=0.0, noises=1.0):
        return None  # both rise: that is no overfitting
    return Diagnosis(
        rule,
        f"Overfitting since step {lowest.step:,}: {name} rose from {_number(lowest.value)} to "
        f"{_number(newest.value)} ({_percent(lowest.value, newest.value)}) while training loss went from "
        f"{_number(then.value)} to {_number(now.value)}.",
        lowest.step,
    )


def rises_at_end(levels: Sequence[Level]) -> int:
    """Return how many levels there are after the lowest, all of which are above it."""
    return len(levels) - 1 - levels.index(_lowest(levels)) if levels else 0


def _flat(curves: Curves) -> Diagnosis | None:
    points, rule = curves.train, rules.FLAT
    if len(points) < rule.least_points or points[-1][0] < (curves.total_steps or 0) * rules.FLAT_SHARE:
        return None
    noise = noise_of(points)
    size = len(points) // 3
    first, last = level_of(points[:size], noise), level_of(points[-size:], noise)
    error = rule.noises * (first.error + last.error)
    allowed = max(rule.change, min(error, rules.FAST_DROP)) * abs(first.value)
    if abs(last.value - first.value) > allowed:
        return None
    starts = (level_of(points[:1], noise), level_of(points[:_TRAIN_STRETCH], noise))
    if any(has_risen(last, one, change=rules.FAST_DROP, noises=1.5 * rule.noises) for one in starts):
        return None  # it has learnt what there is, before the first third was over
    return Diagnosis(
        rule,
        f"Flat: training loss was {_number(first.value)} over the first third of {len(points):,} steps and "
        f"is {_number(last.value)} over the last.",
    )


def _too_early(curves: Curves) -> Diagnosis | None:
    needed = rules.LEARNING.least_points
    if len(curves.train) >= needed:
        return None
    count = len(curves.train)
    return Diagnosis(rules.TOO_EARLY, f"Too early to tell: {count} of at least {needed} measured steps.")


def _no_validation(curves: Curves) -> Diagnosis | None:
    if curves.has_validation or curves.sampled or curves.whole:
        return None
    return Diagnosis(rules.NO_VALIDATION, f"{_course(curves)}, no validation file to compare with.")


def _learning(curves: Curves) -> Diagnosis:
    validated = curves.whole or curves.sampled
    if not validated:
        return Diagnosis(rules.LEARNING, f"{_course(curves)}, no validation measured yet.")
    step, value = min(validated, key=lambda point: point[1])
    return Diagnosis(rules.LEARNING, f"{_course(curves)}, best validation {_number(value)} at step {step:,}.")


def _course(curves: Curves) -> str:
    noise = noise_of(curves.train)
    first = level_of(curves.train[:_TRAIN_STRETCH], noise)
    newest = newest_level(curves.train, least=_TRAIN_STRETCH, noise=noise)
    word = "Learning" if newest.value < first.value else "Not learning yet"
    return f"{word}: training loss {_number(first.value)} to {_number(newest.value)}"


_QUESTIONS: tuple[Callable[[Curves], Diagnosis | None], ...] = (
    divergence, overfitting, _flat, _too_early, _no_validation, _learning,
)  # fmt: skip
"""In the order of `diagnosis_rules.RULES`."""


def _lowest(levels: Sequence[Level]) -> Level:
    return min(levels, key=lambda level: level.value)


def _level_at(points: Sequence[Point], step: int) -> Level:
    """Return the training level around a step, from the points up to it."""
    until = [point for point in points if point[0] <= step] or list(points[:1])
    return level_of(until[-_TRAIN_STRETCH:], noise_of(points))


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _percent(before: float, after: float) -> str:
    if before <= 0:
        return f"{after - before:+.3g}"
    if after > 3 * before:
        return f"{after / before:,.0f} times as much"
    return f"{(after / before - 1) * 100:+,.0f} %"
