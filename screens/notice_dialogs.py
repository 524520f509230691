"""The dialogs of the notifications: through which channels an event is told, and a new address."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from screens.base import DeckDialog
from tui.errors import TunedeckError
from tui.jobs.notices.address import check_url
from tui.jobs.notices.channels import Channel
from tui.jobs.notices.rules import Address, add_address
from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.line_list import LineList
from tui.widgets.tones import Line, Part, content, fit

_NAME_WIDTH = 14
_FIELDS = (("name", "Name"), ("url_variable", "Variable"), ("url", "or URL"))


class ChannelList(LineList):
    """Each channel with a box, and whether it works here.

    Args:
        channels: All there are.
        chosen: Those that are taken by now.
    """

    def __init__(self, channels: Sequence[Channel], chosen: Sequence[str]) -> None:
        super().__init__(id="channel-list")
        self._channels = channels
        self.chosen = set(chosen)

    def toggle(self) -> None:
        """Take or drop the channel under the cursor."""
        self.chosen ^= {self._channels[self.cursor].name}
        self.items_changed()

    def clear(self) -> None:
        """Drop all."""
        self.chosen.clear()
        self.items_changed()

    def item_count(self) -> int:
        """Return how many channels there are."""
        return len(self._channels)

    def item_line(self, index: int, width: int) -> Line:
        """Return box, name and state."""
        channel = self._channels[index]
        box: Part = ("[x] ", "accent") if channel.name in self.chosen else ("[ ] ", "muted")
        words = fit(safe_line(channel.words, 300), max(1, width - _NAME_WIDTH - 5))
        return (box, (fit(channel.name, _NAME_WIDTH), ""), (" ", ""),
                (words, "muted" if channel.works else "warning"))  # fmt: skip


class RuleDialog(DeckDialog, inherit_bindings=False):
    """Dismissed with the names of the channels that are taken, or None to leave all as it is.

    Args:
        title: The event in words.
        channels: All there are.
        chosen: Those of the rule as it is.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("notice-rule", "screen")]
    DEFAULT_CSS = """
    RuleDialog #notice-rule { width: 76; max-width: 96%; height: auto; max-height: 92%; padding: 0 1;
        border: $frame $border; border-title-color: $text-accent; border-subtitle-color: $text-muted;
        background: $surface; }
    RuleDialog #notice-rule:ansi { background: $background; }
    RuleDialog #channel-list { height: auto; max-height: 100%; }
    """

    def __init__(self, title: str, channels: Sequence[Channel], chosen: Sequence[str]) -> None:
        super().__init__()
        self._title = title
        self._channels = channels
        self._chosen = chosen

    def compose(self) -> ComposeResult:
        """Yield the list in its frame."""
        with Vertical(id="notice-rule") as frame:
            frame.border_title = f"{self._title}: tell it through"
            frame.border_subtitle = "space takes, enter keeps, esc leaves"
            yield ChannelList(self._channels, self._chosen)

    def action_toggle_channel(self) -> None:
        """Take or drop the channel under the cursor."""
        self.query_one(ChannelList).toggle()

    def action_choose_none(self) -> None:
        """Drop all."""
        self.query_one(ChannelList).clear()

    @on(LineList.Opened, "#channel-list")
    def take(self) -> None:
        """Keep what is taken."""
        chosen = self.query_one(ChannelList).chosen
        self.dismiss(tuple(one.name for one in self._channels if one.name in chosen))


class AddressDialog(DeckDialog, inherit_bindings=False):
    """Dismissed with the name of the address that was saved, or None; the URL is typed unseen."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("address-form", "screen")]
    AUTO_FOCUS = "#name"
    DEFAULT_CSS = """
    AddressDialog #address-form { width: 76; max-width: 96%; height: auto; padding: 1 2;
        border: $frame $border; border-title-color: $text-accent; border-subtitle-color: $text-muted;
        background: $surface; }
    AddressDialog #address-form:ansi { background: $background; }
    AddressDialog .row { height: 1; }
    AddressDialog .label { width: 11; color: $text-muted; }
    AddressDialog .row Input { width: 1fr; }
    AddressDialog #address-note { height: auto; margin-top: 1; }
    """

    def compose(self) -> ComposeResult:
        """Yield a line for each field, and where a URL may be."""
        hints = {"name": "mail, team", "url_variable": "MY_MAIL_URL", "url": "kept in the keyring"}
        with Vertical(id="address-form") as frame:
            frame.border_title = "New address"
            frame.border_subtitle = "^s saves, esc leaves"
            for name, label in _FIELDS:
                with Horizontal(classes="row"):
                    yield Static(label, classes="label", markup=False)
                    yield Input(placeholder=hints[name], id=name, compact=True, password=name == "url")
            note = (
                "An apprise URL, such as mailto://user:password@gmail.com, slack://TOKENS, ntfy://TOPIC or "
                "jsons://host/path: in an environment variable, or typed here for the keyring. It holds a "
                "password or token and is never written to a file."
            )
            yield Static(content((note, "muted")), id="address-note", markup=False)

    @on(Input.Submitted)
    def _go_on(self, event: Input.Submitted) -> None:
        if event.input.id == "url":
            self.action_take()
        else:
            self.focus_next()

    def action_take(self) -> None:
        """Save what is written, unless something is wrong with it."""
        name, variable, url = (self.query_one(f"#{field}", Input).value.strip() for field, _ in _FIELDS)
        if bool(variable) == bool(url):
            self.tell("Fill in either the variable or the URL.", severity="error")
            return
        self._save(Address(name, variable or None), url or None)

    @work(group="save-address", exclusive=True, exit_on_error=False, description="save an address")
    async def _save(self, address: Address, url: str | None) -> None:
        try:
            if url is not None:
                await asyncio.to_thread(check_url, url)  # apprise reads it in a process of its own
            await asyncio.to_thread(add_address, address, url)  # the keyring may ask to be unlocked
        except TunedeckError as error:
            self.tell_error(error)
            return
        self.dismiss(address.name)
