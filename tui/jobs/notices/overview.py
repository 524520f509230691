"""The rules, the channels and what was told last, as the screen and the command line show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.jobs.notices.channels import Channel, channels_here
from tui.jobs.notices.rules import NotifyRules, notify_rules
from tui.jobs.notices.words import message_of
from tui.jobs.ports import JobServices
from tui.records.notices import Delivery, NoticeEvent

MOST_RECENT = 20


@dataclass(frozen=True, slots=True)
class NotifyOverview:
    """What there is to know of notifications at one moment."""

    rules: NotifyRules
    channels: Sequence[Channel]
    recent: Sequence[tuple[Delivery, str]]
    """What was told or is to be, newest first, each with its title."""

    def told_through(self, event: NoticeEvent) -> str:
        """Return the channels of an event, in words."""
        return ", ".join(self.rules.channels_of(event)) or "nothing"


def notify_overview(services: JobServices, *, has_terminal: bool) -> NotifyOverview:
    """Return all of it. Asks tmux, so it may take a moment.

    Args:
        services: The store and the settings.
        has_terminal: Whether this program writes to a terminal.

    Raises:
        TunedeckError: The rules are wrong, or the store can't be read.
    """
    rules = notify_rules()
    recent = services.store.recent_deliveries(MOST_RECENT)
    return NotifyOverview(
        rules,
        channels_here(rules, services.settings, has_terminal=has_terminal),
        [(one, message_of(services, one.notice).title) for one in recent],
    )
