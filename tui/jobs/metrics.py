"""Numbers of a job for people: series by step, smoothing, progress and the time that is left."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tui.records.jobs import METRIC_NAMES, Job, JobEvent, JobState

_RECENT_EVENTS = 20
"""Steps from which the pace is taken: enough to even out, few enough to follow a change."""


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """One metric over the steps at which it was measured."""

    name: str
    points: tuple[tuple[int, float], ...]
    """(step, value), steps ascending."""

    @property
    def last(self) -> float | None:
        """The newest value, or None."""
        return self.points[-1][1] if self.points else None

    @property
    def best(self) -> tuple[int, float] | None:
        """(step, value) of the best: the highest accuracy or reward, the lowest of anything else."""
        if not self.points:
            return None
        sign = -1 if "accuracy" in self.name or "reward" in self.name else 1
        return min(self.points, key=lambda point: sign * point[1])


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job has come, by its newest metrics event."""

    step: int
    total_steps: int | None

    @property
    def share(self) -> float | None:
        """Between 0 and 1, or None when the total is not known."""
        return min(1.0, self.step / self.total_steps) if self.total_steps else None


def series_from(steps: Mapping[int, Mapping[str, float]]) -> dict[str, MetricSeries]:
    """Return metric name -> series from `Store.metrics`; known names first, in their usual order."""
    names = {name for values in steps.values() for name in values}
    ordered = [name for name in METRIC_NAMES if name in names] + sorted(names - set(METRIC_NAMES))
    return {
        name: MetricSeries(name, tuple((s, steps[s][name]) for s in sorted(steps) if name in steps[s]))
        for name in ordered
    }


def smoothed(points: Sequence[tuple[int, float]], weight: float) -> list[tuple[int, float]]:
    """Return an exponential moving average, corrected for its start.

    Args:
        points: (step, value), steps ascending.
        weight: 0 (as it is) to below 1; how much of the past each value keeps.
    """
    if not weight:
        return list(points)
    # Runs over tens of thousands of points for one key: no power for each, and none once it is nothing.
    average, power, rest, result = 0.0, 1.0, 1 - weight, []
    for step, value in points:
        average = weight * average + rest * value
        power *= weight
        result.append((step, average / (1 - power)))
    return result


def progress_from(events: Sequence[JobEvent]) -> Progress | None:
    """Return the progress that the newest metrics event tells, or None before the first."""
    for event in reversed(events):
        step = event.data.get("step")
        if event.type == "metrics" and isinstance(step, int):
            total = event.data.get("total_steps")
            return Progress(step, total if isinstance(total, int) and total > 0 else None)
    return None


def eta_seconds(job: Job, events: Sequence[JobEvent], now: float | None = None) -> float | None:
    """Return the seconds until a running job should end: by its recent pace, else by the service's word.

    None when the job does not run, or nothing is known yet.
    """
    if job.state not in (JobState.RUNNING, JobState.FINISHING):
        return None
    moment = time.time() if now is None else now
    paced = _by_pace(events, moment)
    if paced is not None:
        return paced
    return max(0.0, job.estimated_finish - moment) if job.estimated_finish else None


def duration_text(seconds: float) -> str:
    """Return a span of time in one or two units: `45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    whole = max(0, round(seconds))
    for size, word, smaller, smaller_word in (
        (86_400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {word} {rest} {smaller_word}" if rest else f"{whole // size} {word}"
    return f"{whole} s"


def _by_pace(events: Sequence[JobEvent], now: float) -> float | None:
    recent = [event for event in events if event.type == "metrics"][-_RECENT_EVENTS:]
    progress = progress_from(recent)
    if progress is None or progress.total_steps is None or len(recent) < 2:
        return None
    first, last = recent[0], recent[-1]
    steps = progress.step - int(first.data.get("step") or 0)
    seconds = last.created_at - first.created_at
    if steps <= 0 or seconds <= 0:
        return None
    left = (progress.total_steps - progress.step) * seconds / steps
    return float(max(0.0, left - max(0.0, now - last.created_at)))
