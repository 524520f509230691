"""When a launch should start and how much it matters, as a person writes it: `tonight high`, `+2h`, `23:30`.

Times are those of this machine's clock; what is kept is a moment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tui.errors import ExitCode, TunedeckError

PRIORITIES = {"low": -1, "normal": 0, "high": 1}
HELP = "now, tonight, 23:30, +2h or 2026-12-31 06:00; and low, normal or high"
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_DELAY = re.compile(r"\+(\d{1,4})([mh])")
_UNITS: dict[str, Literal["minutes", "hours"]] = {"m": "minutes", "h": "hours"}


@dataclass(frozen=True, slots=True)
class QueueWish:
    """When to start, and what goes first."""

    start_at: int | None = None
    """Unix seconds; None as soon as there is a place."""
    priority: int = 0
    """From -1 (low) to 1 (high)."""


def priority_word(priority: int) -> str:
    """Return `low`, `normal` or `high`."""
    return next((word for word, number in PRIORITIES.items() if number == priority), "normal")


def parse_queue_wish(text: str, night: str, now: datetime | None = None) -> QueueWish:
    """Return what a person asks for.

    Args:
        text: Words in any order; nothing of it has to be there.
        night: When a night begins and ends, such as `22:00-06:00`; within it, "tonight" is now.
        now: The moment it was written; None takes the clock's.

    Raises:
        TunedeckError: A word can't be read, or two contradict each other.
    """
    moment = now or datetime.now().astimezone()
    starts: list[datetime | None] = []
    priorities: list[int] = []
    words = text.lower().split()
    while words:
        word = words.pop(0)
        if word in PRIORITIES:
            priorities.append(PRIORITIES[word])
        else:
            starts.append(_start(word, words, night, moment))
    if len(starts) > 1 or len(priorities) > 1:
        raise _wrong(f"{text!r} says two things at once.", f"One of {HELP}.")
    start = starts[0] if starts else None
    return QueueWish(int(start.timestamp()) if start else None, priorities[0] if priorities else 0)


def _start(word: str, rest: list[str], night: str, now: datetime) -> datetime | None:
    """Return the moment that a word names, with the one after it where it is a day."""
    if word == "now":
        return None
    if word == "tonight":
        return _tonight(night, now)
    if delay := _DELAY.fullmatch(word):
        return now + timedelta(**{_UNITS[delay[2]]: int(delay[1])})
    if _CLOCK.fullmatch(word):
        return _next(word, now)
    if _DAY.fullmatch(word):
        clock = rest.pop(0) if rest and _CLOCK.fullmatch(rest[0]) else "00:00"
        return _on_day(word, clock, now)
    raise _no_time(word)


def _tonight(night: str, now: datetime) -> datetime | None:
    """Return when the next night begins; None while one lasts."""
    begin, dash, end = night.partition("-")
    if not dash:
        raise _wrong(f"The setting night is {night!r}.", "Write when it begins and ends: 22:00-06:00.")
    begins, ends = _next(begin.strip(), now), _next(end.strip(), now)
    return begins if begins < ends else None


def _next(clock: str, now: datetime) -> datetime:
    """Return the next moment at which the clock shows this."""
    match = _CLOCK.fullmatch(clock)
    if match is None:
        raise _no_time(clock)
    local = now.replace(tzinfo=None)  # a day may have 23 or 25 hours
    found = local.replace(hour=int(match[1]), minute=int(match[2]), second=0, microsecond=0)
    return (found if found > local else found + timedelta(days=1)).astimezone()


def _on_day(day: str, clock: str, now: datetime) -> datetime:
    try:
        found = datetime.fromisoformat(f"{day}T{clock:0>5}").astimezone()
    except ValueError:
        raise _no_time(day) from None
    if found <= now:
        raise _wrong(f"{day} {clock} is over.", f"It is {now:%Y-%m-%d %H:%M} now.")
    return found


def _no_time(word: str) -> TunedeckError:
    return _wrong(f"{word!r} is no time to start.", f"Write {HELP}.")


def _wrong(message: str, remedy: str) -> TunedeckError:
    return TunedeckError(message, remedy, exit_code=ExitCode.WRONG_USE)
