"""What the models of a chat can't take, with the reason: for keys and fields that are greyed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from tui.chat.lanes import Lane
from tui.errors import TunedeckError
from tui.providers.protocol import Provider
from tui.records.models import Capability


class AskedServices(Protocol):
    """What asking providers needs of the running program."""

    def provider(self, name: str) -> Provider:
        """The provider of an account."""
        ...


def reason_against(services: AskedServices, lanes: Iterable[Lane], capability: Capability) -> str:
    """Return why one of these lanes can't do something; empty when all can, as far as is known."""
    for account in dict.fromkeys(lane.account for lane in lanes):
        try:
            permission = services.provider(account).can(capability)
        except TunedeckError:
            continue  # what is wrong with the account is said when it is asked
        if not permission:
            return permission.reason
    return ""
