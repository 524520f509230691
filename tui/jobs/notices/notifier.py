"""Tells news through the channels that the rules name: each once, whichever program is there to tell it.

News is in the store already when this looks: it is written in the transaction of what caused it. So a program
that is killed loses none, and two that look at once share them. Before a channel is used that is written down
too; when it is not known afterwards whether the news got through, it is not told again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from tui.errors import TunedeckError
from tui.jobs.notices.channels import OF_TERMINAL, Terminal, is_slow, tell
from tui.jobs.notices.rules import NotifyRules, notify_rules
from tui.jobs.notices.words import message_of
from tui.jobs.ports import JobServices
from tui.records.notices import Delivery
from tui.store.notice_queries import DONE, DROPPED, DUE, FAILED

_LOOK_SECONDS = 5.0
_LEASE_SECONDS = 120
"""Longer than any channel takes; what is still being told then, its program has died over."""
_RETRY_SECONDS = (60, 300, 900)
"""After a failed attempt that certainly told nobody."""
_FRESH_SECONDS = 600
"""How long a bell or a terminal's notification is worth giving; later a person has seen it on a screen."""

FailureHeard = Callable[[str], None]
"""Told in a sentence what could not be told, from any thread."""


class Notifier:
    """Looks for news every few seconds, and at once when woken, in a thread of its own.

    Args:
        services: The store and the settings.
        terminal: Where bell and escape sequences go; None in a program without a terminal, which leaves them
            to one that has it.
        on_failure: Hears of channels that failed.
        clock: Unix seconds; tests set it.
    """

    def __init__(
        self,
        services: JobServices,
        terminal: Terminal | None = None,
        on_failure: FailureHeard | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._services = services
        self._terminal = terminal
        self._on_failure = on_failure or (lambda words: None)
        self._clock = clock
        self._lock = threading.Lock()
        self._busy: dict[str, threading.Thread] = {}
        """Slow channel -> the thread that tells through it."""
        self._last_failure = ""
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin in the background; a second call changes nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="notifier", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    def stop(self, timeout: float = 0.2) -> None:
        """End the thread; what is being sent goes on in its own process, and nothing waits for it longer."""
        self._stopping.set()
        self._wake.set()
        for thread in (self._thread, *self._busy_threads()):
            if thread is not None and thread is not threading.current_thread():
                thread.join(timeout)

    def finish(self, seconds: float, *, with_retries: bool = False) -> None:
        """Tell what is to be told now and wait until that is done, `seconds` at most.

        Args:
            seconds: The limit.
            with_retries: Also wait for later attempts of what failed.
        """
        deadline = time.monotonic() + seconds
        while not self._stopping.is_set():
            self.look()
            if not self._busy_threads() and not (with_retries and self._is_waiting()):
                return
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return
            for thread in self._busy_threads():
                thread.join(min(remaining, 0.2))
            if not self._busy_threads():
                self._stopping.wait(min(remaining, 0.2))

    def look(self) -> None:
        """Decide where new news is told, and tell what is due; slow channels go on in threads."""
        try:
            self._route()
            self._tell_due()
        except TunedeckError as error:  # a store that is locked or full, or wrong rules: at the next look
            words = f"News can't be told: {error.message} {error.remedy}".strip()
            if words != self._last_failure:  # the same at every look would be a flood
                self._last_failure = words
                self._tell_failure(words)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            self.look()
            if not self._stopping.is_set():
                self._wake.wait(_LOOK_SECONDS)

    def _tell_failure(self, words: str) -> None:
        if not self._stopping.is_set():
            self._on_failure(words)

    def _route(self) -> None:
        new = self._services.store.new_notices()
        if not new:
            return
        rules, now = notify_rules(), int(self._clock())
        for notice in new:
            channels = rules.channels_of(notice.event)
            if not self._services.settings.bell:
                channels = tuple(name for name in channels if name != "bell")
            self._services.store.route_notice(notice, channels, now)

    def _tell_due(self) -> None:
        store, now = self._services.store, int(self._clock())
        due: dict[str, list[Delivery]] = {}
        for delivery in store.open_deliveries():
            if self._stopping.is_set():
                return
            if delivery.state != DUE:
                if delivery.due_at <= now:
                    lost = "the program that told it ended meanwhile; it is not told twice"
                    store.note_delivery(delivery, FAILED, problem=lost)
            elif delivery.channel in OF_TERMINAL and now - delivery.notice.at > _FRESH_SECONDS:
                store.note_delivery(delivery, DROPPED, problem="no terminal was open in time")
            elif delivery.due_at <= now and self._can_tell(delivery.channel):
                due.setdefault(delivery.channel, []).append(delivery)
        if due:
            rules = notify_rules()
            for channel, deliveries in due.items():
                self._begin(channel, deliveries, rules)

    def _can_tell(self, channel: str) -> bool:
        return channel not in OF_TERMINAL or self._terminal is not None

    def _begin(self, channel: str, deliveries: Sequence[Delivery], rules: NotifyRules) -> None:
        if not is_slow(channel):
            self._tell_all(deliveries, rules)
            return
        with self._lock:
            running = self._busy.get(channel)
            if running is not None and running.is_alive():
                return  # at the next look: one message at a time, in the order of what happened
            thread = threading.Thread(
                target=self._tell_all, args=(deliveries, rules), name=f"notify-{channel}", daemon=True
            )
            self._busy[channel] = thread
            thread.start()

    def _tell_all(self, deliveries: Sequence[Delivery], rules: NotifyRules) -> None:
        for delivery in deliveries:
            if self._stopping.is_set():
                return
            try:
                self._tell_one(delivery, rules)
            except TunedeckError as error:
                self._tell_failure(f"{delivery.channel}: {error.message}")

    def _tell_one(self, delivery: Delivery, rules: NotifyRules) -> None:
        store, now, channel = self._services.store, int(self._clock()), delivery.channel
        message = message_of(self._services, delivery.notice)
        if not store.lease_delivery(delivery, now + _LEASE_SECONDS):
            return  # another program tells it
        told = tell(
            channel, message, delivery.notice.event, rules, self._services.settings, self._terminal,
            delivery.notice.number,
        )  # fmt: skip
        if told.problem is None:
            store.note_delivery(delivery, DONE)
            return
        if told.may_repeat and delivery.tries < len(_RETRY_SECONDS):
            again = int(self._clock()) + _RETRY_SECONDS[delivery.tries]
            store.note_delivery(delivery, DUE, problem=told.problem, due_at=again)
        else:
            store.note_delivery(delivery, FAILED, problem=told.problem)
        self._tell_failure(f"{channel}: {told.problem}")

    def _busy_threads(self) -> list[threading.Thread]:
        with self._lock:
            return [thread for thread in self._busy.values() if thread.is_alive()]

    def _is_waiting(self) -> bool:
        try:
            waiting = self._services.store.open_deliveries()
        except TunedeckError:
            return False
        return any(self._can_tell(one.channel) for one in waiting)
