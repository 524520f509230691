"""When a job shall be stopped by itself: written as a line of text, judged by the job's own numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tui.errors import TunedeckError
from tui.jobs.curve_levels import Level, Point
from tui.jobs.diagnosis import Curves, divergence, rises_at_end
from tui.jobs.metrics import duration_text
from tui.records.jobs import Job

HELP = "rising 3, diverging, after 2h, money 10; add `pause` to pause instead of cancelling; `none` for none"
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_RISING = re.compile(r"rising (\d{1,4})")
_AFTER = re.compile(r"after (\d{1,6}(?:\.\d{1,3})?) ?(s|m|min|h|d)")
_MONEY = re.compile(r"money (\d{1,9}(?:\.\d{1,4})?)")


class StopAction(StrEnum):
    """What is done when a rule fires."""

    CANCEL = "cancel"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class StopRules:
    """What ends a job before its last step; all None and False: nothing does."""

    rising: int | None = None
    """So many last validations in a row above the lowest one before them."""
    diverging: bool = False
    """Training loss has left its lowest level for good, as `tui.jobs.diagnosis` judges it."""
    seconds: float | None = None
    """Time since the job was created, queueing included."""
    money: float | None = None
    """Cost so far, in the currency of the confirmed price."""
    action: StopAction = StopAction.CANCEL

    def __bool__(self) -> bool:
        """True when any rule is set."""
        return bool(self.rising or self.diverging or self.seconds is not None or self.money is not None)

    @property
    def text(self) -> str:
        """The line that `parse_stop_rules` reads back as the same."""
        parts = []
        if self.rising:
            parts.append(f"rising {self.rising}")
        if self.diverging:
            parts.append("diverging")
        if self.seconds is not None:
            parts.append(f"after {_span(self.seconds)}")
        if self.money is not None:
            parts.append(f"money {self.money:.4f}".rstrip("0").rstrip("."))
        if parts and self.action is StopAction.PAUSE:
            parts.append("pause")
        return ", ".join(parts) or "none"


def _span(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"


@dataclass(frozen=True, slots=True)
class StopReason:
    """The rule that fired, with its numbers."""

    rule: str
    sentence: str


def parse_stop_rules(text: str) -> StopRules:
    """Return the rules that a line of text names, such as "rising 3, diverging, after 2h, money 10".

    Raises:
        TunedeckError: A part of it is no rule.
    """
    found: dict[str, object] = {}
    parts = [" ".join(part.lower().split()) for part in text.split(",")]
    for part in [one for one in parts if one not in ("", "none")]:
        found |= _one_rule(part)
    rules = StopRules(**found)  # type: ignore[arg-type]  # made by `_one_rule`, field by field
    if not rules and found:
        raise TunedeckError(f"{text!r} names no rule that could fire.", f"Write: {HELP}.")
    return rules


def _one_rule(part: str) -> dict[str, object]:
    if part == "diverging":
        return {"diverging": True}
    if part in tuple(StopAction):
        return {"action": StopAction(part)}
    if (match := _RISING.fullmatch(part)) and int(match[1]) > 0:
        return {"rising": int(match[1])}
    if (match := _AFTER.fullmatch(part)) and float(match[1]) > 0:
        return {"seconds": float(match[1]) * _UNITS[match[2]]}
    if match := _MONEY.fullmatch(part):
        return {"money": float(match[1])}
    raise TunedeckError(f"{part!r} is no stop rule.", f"Write: {HELP}.")


def judge(
    rules: StopRules, job: Job, curves: Curves, *, now: float, spent: float | None
) -> StopReason | None:
    """Return the first rule that fires, or None.

    Args:
        rules: What the person set.
        job: As the service described it last.
        curves: Its numbers so far.
        now: Unix seconds.
        spent: Cost so far; None where that is not known, and then no rule about money fires.
    """
    if rules.diverging and (found := divergence(curves)) is not None:
        return StopReason("diverging", found.sentence)
    if rules.rising and (sentence := _rising(curves, rules.rising)):
        return StopReason("rising", sentence)
    if rules.seconds is not None and job.created_at is not None and now - job.created_at >= rules.seconds:
        took, most = duration_text(now - job.created_at), duration_text(rules.seconds)
        return StopReason("after", f"It has taken {took} since it was created; {most} were allowed.")
    if rules.money is not None and spent is not None and spent >= rules.money:
        return StopReason("money", f"It has cost about {spent:,.2f}; {rules.money:,.2f} were allowed.")
    return None


def _rising(curves: Curves, count: int) -> str:
    points, name = (
        (curves.whole, "full validation loss") if curves.whole else (curves.sampled, "validation loss")
    )
    levels = _as_levels(points)
    if rises_at_end(levels) < count:
        return ""
    lowest = min(levels, key=lambda level: level.value)
    return (
        f"The last {count} values of {name} were all above {lowest.value:.3g} of step {lowest.step:,}; "
        f"the newest is {levels[-1].value:.3g} at step {levels[-1].step:,}."
    )


def _as_levels(points: Sequence[Point]) -> list[Level]:
    return [Level(step, value, 0.0) for step, value in points]
