"""Hands keys on one after another, so that each gets to where it was meant for, however fast they come."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from textual.app import ScreenStackError
from textual.events import Event, Key
from textual.message import Message

from screens.safe_pastes import SafePastes

_LOOK_AGAIN_SECONDS = 0.02
_LONGEST_SECONDS = 0.5
"""After so long a key is no longer waited for: what it began may itself wait for the next key."""


class KeepsEarlyKeys(SafePastes, inherit_bindings=False):
    """An app on which fast typing does what slow typing does.

    Textual gives a key to what has the focus when it arrives. A key that follows one which opens a screen
    would still go to the screen before, or to a new one that has no focus yet: the first letters of a
    question would not be written, and each might be the key of something else. Here a key waits until the
    one before has been through every widget it concerns, and until the screen on top is made.
    """

    class Passed(Message):
        """A key has been through; follows it on its way up.

        Args:
            number: Which key, counted from 1.
        """

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, *, ansi_color: bool | None = None) -> None:
        super().__init__(ansi_color=ansi_color)
        self._waiting_keys: deque[Event] = deque()
        self._handed_on = 0
        self._under_way_since: float | None = None
        self._looks_again = False

    async def on_event(self, event: Event) -> None:
        """Keep a key until its turn comes."""
        if isinstance(event, Key) and not event.is_forwarded:
            self._waiting_keys.append(event)
            await self._hand_on()
        else:
            await super().on_event(event)

    async def on_keeps_early_keys_passed(self, message: Passed) -> None:
        """Go on with the next key."""
        message.stop()
        if message.number == self._handed_on:
            # What the key's action put off, such as the focus on a line to type in, comes first.
            self.call_later(self._go_on_after, message.number)

    async def _go_on_after(self, number: int) -> None:
        await asyncio.sleep(0)  # a worker that the action started asks its question now
        if number == self._handed_on:
            self._under_way_since = None
            await self._hand_on()

    async def _hand_on(self) -> None:
        if not self._waiting_keys:
            return
        if not self._takes_keys():
            if not self._looks_again:
                self._looks_again = True
                self.set_timer(_LOOK_AGAIN_SECONDS, self._look_again)
            return
        self._handed_on += 1
        self._under_way_since = time.monotonic()
        await super().on_event(self._waiting_keys.popleft())
        if not (self.focused or self.screen).post_message(self.Passed(self._handed_on)):
            self._under_way_since = None

    async def _look_again(self) -> None:
        self._looks_again = False
        await self._hand_on()

    def _takes_keys(self) -> bool:
        """True when no key is under way, and the screen on top has its widgets and its focus."""
        since = self._under_way_since
        if since is not None and time.monotonic() - since < _LONGEST_SECONDS:
            return False
        try:
            return self.screen.is_mounted
        except ScreenStackError:
            return False  # the first screen of a place is on its way
