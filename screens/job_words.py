"""How jobs are told in words: state, age, time left; the same on every screen that shows one."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tui.records.jobs import Job, JobState
from tui.widgets.tones import Part, Tone

MINUTE, HOUR, DAY = 60, 3600, 86_400

_STATE_LOOKS: Mapping[JobState, tuple[str, Tone]] = {
    JobState.PREPARING: ("…", "muted"),
    JobState.QUEUED: ("…", "muted"),
    JobState.RUNNING: ("▶", "accent"),
    JobState.FINISHING: ("▶", "accent"),
    JobState.PAUSED: ("‖", "warning"),
    JobState.STOPPING: ("‖", "warning"),
    JobState.SUCCEEDED: ("✓", "good"),
    JobState.FAILED: ("✗", "bad"),
    JobState.CANCELLED: ("–", "muted"),
    JobState.OTHER: ("?", "warning"),
}


def now() -> float:
    """Return the time that ages and times left are counted from, in Unix seconds."""
    return time.time()


def state_part(job: Job) -> Part:
    """Return a job's state: a sign, our word, and the service's own word where ours says nothing."""
    sign, tone = _STATE_LOOKS[job.state]
    word = job.raw_status if job.state is JobState.OTHER else job.state.value
    return f"{sign} {word}", tone


def duration(seconds: float) -> str:
    """Return a span of time in one or two units: `45 s`, `3 min 20 s`, `2 h 5 min`, `3 d`."""
    whole = max(0, round(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        minutes, rest = divmod(whole, MINUTE)
        return f"{minutes} min {rest} s" if minutes < 10 and rest else f"{minutes} min"
    if whole < 2 * DAY:
        hours, rest = divmod(whole, HOUR)
        return f"{hours} h {rest // MINUTE} min" if rest >= MINUTE else f"{hours} h"
    return f"{whole // DAY} d"


def rough_duration(seconds: float) -> str:
    """Return a span that is only guessed, in one unit: `45 s`, `3 min`, `2 h 5 min`."""
    return duration(seconds if seconds < MINUTE else round(seconds / MINUTE) * MINUTE)


def ago(timestamp: int | None) -> str:
    """Return how long ago something was, or a dash when that is not known."""
    if timestamp is None:
        return "–"
    elapsed = now() - timestamp
    if elapsed < MINUTE:
        return "just now"
    if elapsed < HOUR:
        return f"{int(elapsed // MINUTE)} min ago"
    if elapsed < DAY:
        return f"{int(elapsed // HOUR)} h ago"
    return f"{int(elapsed // DAY)} d ago"


def clock_time(timestamp: int | None) -> str:
    """Return a moment of today as `14:03:20`, in local time; of another day as `11-20 14:03`."""
    if timestamp is None:
        return "–"
    moment, today = time.localtime(timestamp), time.localtime(now())
    same_day = moment[:3] == today[:3]
    return time.strftime("%H:%M:%S" if same_day else "%m-%d %H:%M", moment)


def took(job: Job) -> str:
    """Return how long a job has been going, or took in all."""
    if job.created_at is None:
        return "–"
    end = job.finished_at if job.finished_at is not None else now()
    return duration(end - job.created_at)
