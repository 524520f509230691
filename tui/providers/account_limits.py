"""What a service says of its limits, read from every answer of an account; and the pace of background work.

Header names are OpenAI's (developers.openai.com/api/docs/guides/rate-limits, read 2026-09), which the
services of its shape share; one that sends none is paced all the same. Azure's management API tells what
is left alone (learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling,
read 2026-11-30).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from tui.providers.rate_limits import duration, retry_after

PER_SECOND, BURST = 10.0, 40.0
"""Background requests of one account: so many a second, so many at once after a rest."""
_KEPT_FREE = 0.1
"""Background work leaves this share of the requests, and of the tokens, to the person in front."""
_LONGEST_WAIT = 60.0
_FRESH_SECONDS = 60.0
"""So long a gauge is shown after the answer that told it, though most limits are full again by then."""

_MANAGEMENT = {"reads": (250, 25.0), "writes": (200, 10.0), "deletes": (200, 10.0)}
"""Kind of request to Azure's management -> how many at once, and how many more a second."""

_stop_waiting: ContextVar[threading.Event | None] = ContextVar("background work", default=None)


@dataclass(frozen=True, slots=True)
class RateGauge:
    """How much of one limit is left."""

    name: str
    """requests, tokens, or a kind of request to a cloud's management."""
    limit: int
    remaining: int
    resets_at: float | None
    """Unix seconds at which it is full again; None when the service does not say."""
    seen_at: float
    """Unix seconds of the answer that said so."""

    @property
    def left(self) -> float:
        """The share that is left, 0 to 1."""
        return min(1.0, self.remaining / self.limit) if self.limit else 0.0

    def says_something_at(self, now: float) -> bool:
        """Return whether this still holds: the limit is not full again yet, or the answer is fresh."""
        if now - self.seen_at < _FRESH_SECONDS:
            return True
        return self.resets_at is not None and now < self.resets_at

    def text(self, now: float | None = None) -> str:
        """Return it for people: `59 of 60 requests left, full again in 1 s`."""
        text = f"{self.remaining:,} of {self.limit:,} {self.name} left"
        seconds = 0.0 if self.resets_at is None else self.resets_at - (time.time() if now is None else now)
        return f"{text}, full again in {max(1, round(seconds)):,} s" if seconds > 0 else text


@contextmanager
def background_work(stopping: threading.Event) -> Iterator[None]:
    """Let requests of this thread wait for their turn, so that the person in front never has to.

    Args:
        stopping: Once set, nothing waits any more.
    """
    token = _stop_waiting.set(stopping)
    try:
        yield
    finally:
        _stop_waiting.reset(token)


class RateLimits:
    """The limits of one account, in memory; thread-safe.

    Args:
        clock: Unix seconds; tests set it.
        sleep: Waits for seconds or until the event; tests set it.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[threading.Event, float], object] = threading.Event.wait,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._gauges: dict[str, RateGauge] = {}
        self._not_before = 0.0
        self._tokens, self._filled_at = BURST, clock()

    def gauges(self) -> list[RateGauge]:
        """Return the limits that the service told, as last seen."""
        with self._lock:
            return list(self._gauges.values())

    def headroom(self, most: int = 2) -> str:
        """Return how much is left, the scarcest first: `59/60 requests, 149k/150k tokens left`.

        What was told long ago, or before the limit was full again, is left out: it says nothing about now.

        Args:
            most: Limits that are named.
        """
        now = self._clock()
        fresh = [one for one in self.gauges() if one.says_something_at(now)]
        fresh.sort(key=lambda one: one.left)
        named = [f"{_short(one.remaining)}/{_short(one.limit)} {one.name}" for one in fresh[:most]]
        return f"{', '.join(named)} left" if named else ""

    def note(self, headers: Mapping[str, str], *, was_refused: bool = True) -> None:
        """Take in the headers of an answer; what can't be read is left out.

        Args:
            headers: Names in any case, as the HTTP library keeps them.
            was_refused: False for an answer that did what was asked: where work goes on after it, its
                Retry-After says when to look again, not that too much was asked.
        """
        now = self._clock()
        found = {name: gauge for name in ("requests", "tokens") if (gauge := _gauge(headers, name, now))}
        found |= {
            gauge.name: gauge for kind in _MANAGEMENT if (gauge := _management_gauge(headers, kind, now))
        }
        wait = retry_after(headers) if was_refused else None
        with self._lock:
            self._gauges |= found
            if wait is not None:
                self._not_before = max(self._not_before, now + wait)

    def take_turn(self) -> None:
        """Wait until background work may send a request; others never wait."""
        stopping = _stop_waiting.get()
        if stopping is None:
            return
        seconds = min(_LONGEST_WAIT, self._seconds_to_wait())
        if seconds > 0:
            self._sleep(stopping, seconds)

    def _seconds_to_wait(self) -> float:
        now = self._clock()
        with self._lock:
            self._tokens = min(BURST, self._tokens + (now - self._filled_at) * PER_SECOND)
            self._filled_at = now
            self._tokens -= 1
            waits = [self._not_before - now, -self._tokens / PER_SECOND]
            waits += [
                gauge.resets_at - now
                for gauge in self._gauges.values()
                if gauge.resets_at is not None and gauge.left < _KEPT_FREE
            ]
            return max(0.0, *waits)


def _short(count: int) -> str:
    """Return a count in four characters or so, never more than there is: `850`, `14k`, `149k`, `2M`."""
    if count < 10_000:
        return f"{count}"
    return f"{count // 1000}k" if count < 10_000_000 else f"{count // 1_000_000}M"


def _gauge(headers: Mapping[str, str], name: str, now: float) -> RateGauge | None:
    limit, remaining = (_whole(headers.get(f"x-ratelimit-{what}-{name}")) for what in ("limit", "remaining"))
    if not limit or remaining is None:
        return None
    seconds = duration(headers.get(f"x-ratelimit-reset-{name}", ""))
    return RateGauge(name, limit, remaining, now + seconds if seconds else None, now)


def _management_gauge(headers: Mapping[str, str], kind: str, now: float) -> RateGauge | None:
    """Return what is left of Azure's management requests of a kind; None in the older scheme by the hour."""
    remaining = _whole(headers.get(f"x-ms-ratelimit-remaining-subscription-{kind}"))
    limit, per_second = _MANAGEMENT[kind]
    if remaining is None or remaining > limit:
        return None
    missing = limit - remaining
    return RateGauge(
        f"management {kind}", limit, remaining, now + missing / per_second if missing else None, now
    )


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().isascii() and text.strip().isdigit() else None
