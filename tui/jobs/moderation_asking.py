"""Asks a service's moderation batch by batch: paced, repeated when that helps, kept as soon as it answers."""

from __future__ import annotations

import time
from collections.abc import Callable

from tui.datasets.moderated import Judged
from tui.providers.failures import NOT_REACHED
from tui.providers.protocol import Provider, ProviderError
from tui.records.moderation import MODERATION_MODEL
from tui.store.store import Store

MOST_INPUTS = 32
"""Texts of one request; no limit is published, and this many are known to be taken."""
MOST_CHARACTERS = 16_000
"""Of one request: some 4,000 tokens, below the 10,000 a minute of a new account (read 2026-11-29)."""
_MOST_FAILURES = 8
_MOST_UNREACHED = 3
"""Where nothing listens, or there is no network, patience helps little."""
_LONGEST_WAIT = 60.0
_REFUSED_INPUT = (400, 413, 422)
_REFUSED_AT_FIRST = 4
"""So many refused inputs before any answer mean that the service takes none."""


class ModerationStopped(Exception):
    """The caller asked to stop; what was answered is kept."""


class ModerationAsker:
    """One round of questions to one account.

    Args:
        provider: Of the account.
        store: Keeps the answers.
        cancelled: Asked before each request and while waiting.
        on_wait: Called with the seconds that the service makes us wait.
        first_wait: Seconds before the first repetition, where the service names none; doubled each time.
    """

    def __init__(
        self,
        provider: Provider,
        store: Store,
        *,
        cancelled: Callable[[], bool],
        on_wait: Callable[[float], None],
        first_wait: float = 1.0,
    ) -> None:
        self._provider = provider
        self._store = store
        self._cancelled = cancelled
        self._on_wait = on_wait
        self._first_wait = first_wait
        self._pause_until = 0.0
        self.asked = 0
        """Inputs that were answered."""
        self.refused: set[bytes] = set()
        """Digests of what the service would not judge."""

    def ask(self, batch: list[Judged]) -> None:
        """Have a batch judged and keep the answers; an input that makes the service refuse is found and left.

        Raises:
            ProviderError: The service refuses every input, or goes on failing.
            ModerationStopped: `cancelled` said so.
        """
        waiting = [batch]
        while waiting:
            some = waiting.pop()
            try:
                self._ask_patiently(some)
            except ProviderError as error:
                if error.status not in _REFUSED_INPUT:
                    raise
                if len(some) > 1:
                    middle = len(some) // 2
                    waiting += [some[middle:], some[:middle]]
                    continue
                self.refused.add(some[0].digest)
                if not self.asked and len(self.refused) >= _REFUSED_AT_FIRST:
                    raise

    def _ask_patiently(self, batch: list[Judged]) -> None:
        wait = self._first_wait
        for attempt in range(1, _MOST_FAILURES + 1):
            self._wait(self._pause_until - time.monotonic())
            try:
                self._ask_once(batch)
            except ProviderError as error:
                most = _MOST_UNREACHED if error.code == NOT_REACHED else _MOST_FAILURES
                if not error.retryable or attempt >= most:
                    raise
                self._wait(wait if error.retry_after is None else error.retry_after)
                wait = min(_LONGEST_WAIT, 2 * wait)
            else:
                return

    def _ask_once(self, batch: list[Judged]) -> None:
        if batch[0].is_image:
            reply = self._provider.moderate((), image=batch[0].text)
        else:
            reply = self._provider.moderate([one.text for one in batch])
        answers = {one.digest: found for one, found in zip(batch, reply.categories, strict=True)}
        self._store.save_moderations(self._provider.account.name, MODERATION_MODEL, answers)
        self.asked += len(batch)
        self._pause_until = time.monotonic() + reply.pause_seconds

    def _wait(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        told = False
        while True:
            if self._cancelled():
                raise ModerationStopped
            left = ends - time.monotonic()
            if left <= 0:
                return
            if not told and left >= 1:
                self._on_wait(left)
                told = True
            time.sleep(min(0.1, left))
