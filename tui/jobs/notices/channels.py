"""The channels that news is told through: whether each works here, and telling through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tui.jobs.notices.address import is_installed, missing_words, send_to
from tui.jobs.notices.desktop import desktop_way, show_on_desktop
from tui.jobs.notices.escape import terminal_way
from tui.jobs.notices.rules import BELL, DESKTOP, OWN_CHANNELS, TERMINAL, NotifyRules, is_set
from tui.records.notices import NoticeEvent

if TYPE_CHECKING:
    from tui.config import Settings
    from tui.jobs.notices.words import Message

OF_TERMINAL = (BELL, TERMINAL)
"""Channels that only a program with a terminal can tell through."""
NO_TERMINAL = "This program has no terminal."
_SILENCED = "The setting `bell` is false."
_KINDS = {
    NoticeEvent.SUCCEEDED: "success", NoticeEvent.FAILED: "failure", NoticeEvent.CANCELLED: "warning",
    NoticeEvent.STOPPED: "warning", NoticeEvent.ATTENTION: "warning",
    NoticeEvent.SWEEP: "info",
}  # fmt: skip
"""Event -> apprise's kind of message."""


class Terminal(Protocol):
    """A terminal that a program can write to between its own drawing."""

    def ring(self) -> None:
        """Ring the bell, from any thread."""
        ...

    def write(self, text: str) -> None:
        """Write at once and whole, from any thread."""
        ...


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel and whether it works here."""

    name: str
    words: str
    """What it is, or why it does not work."""
    works: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What came of telling through one channel."""

    problem: str | None = None
    """None: it was told."""
    may_repeat: bool = False
    """True when trying again can't tell it twice."""


def channels_here(rules: NotifyRules, settings: Settings, *, has_terminal: bool) -> list[Channel]:
    """Return every channel with its state; asks tmux, but no service and no keyring. Blocks shortly."""
    return [_channel(name, rules, settings, has_terminal=has_terminal) for name in rules.all_channels]


def _channel(name: str, rules: NotifyRules, settings: Settings, *, has_terminal: bool) -> Channel:
    if name in OF_TERMINAL and not has_terminal:
        return Channel(name, NO_TERMINAL, works=False)
    match name:
        case "bell":
            words = "the terminal's bell" if settings.bell else _SILENCED
            return Channel(name, words, settings.bell)
        case "terminal":
            way = terminal_way(settings.notify_terminal)
            return Channel(name, way.words, works=not way.reason)
        case "desktop":
            desktop = desktop_way()
            return Channel(name, desktop.reason or desktop.program, works=not desktop.reason)
    address = rules.address(name)
    assert address is not None
    if not is_installed():
        return Channel(name, missing_words(), works=False)
    if not is_set(address):
        return Channel(name, f"{address.url_variable} is not set.", works=False)
    return Channel(name, f"an address in {address.source}", works=True)


def tell(
    channel: str,
    message: Message,
    event: NoticeEvent | None,
    rules: NotifyRules,
    settings: Settings,
    terminal: Terminal | None,
    number: int = 0,
) -> Told:
    """Tell a message through one channel; never raises, and has a time limit of its own.

    Args:
        channel: Its name.
        message: What to tell.
        event: What it is about; None for a test.
        rules: Where the addresses are.
        settings: Whether the bell may ring, and how the terminal is asked.
        terminal: Where bell and escape sequences go; None: there is none.
        number: Tells notifications of a terminal apart.
    """
    if channel in OF_TERMINAL and terminal is None:
        return Told(NO_TERMINAL, may_repeat=True)
    if channel == BELL:
        if not settings.bell:
            return Told(_SILENCED)
        assert terminal is not None
        terminal.ring()
        return Told()
    if channel == TERMINAL:
        assert terminal is not None
        way = terminal_way(settings.notify_terminal)
        if way.reason:
            return Told(way.reason)
        terminal.write(way.sequence(message.title, " ".join(message.lines), number))
        return Told()
    if channel == DESKTOP:
        return Told(show_on_desktop(message))
    address = rules.address(channel)
    if address is None:
        return Told(f"There is no channel {channel!r} any more.")
    result = send_to(address, message, _KINDS[event] if event is not None else "info")
    return Told(None if result.sent else result.problem, result.may_repeat)


def is_slow(channel: str) -> bool:
    """True for a channel that may take seconds, and so must not hold up another one."""
    return channel not in OF_TERMINAL


__all__ = [
    "NO_TERMINAL", "OF_TERMINAL", "OWN_CHANNELS", "Channel", "Terminal", "Told", "channels_here", "is_slow",
    "tell",
]  # fmt: skip
