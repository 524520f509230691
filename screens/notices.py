"""Notifications: which event is told where, what works here, and what was told last."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType

from screens.base import DeckScreen
from screens.confirm import ConfirmScreen
from screens.greyed_keys import GreyedKeys
from screens.job_words import ago
from screens.notice_dialogs import AddressDialog, RuleDialog
from tui.errors import TunedeckError
from tui.jobs.notices.overview import NotifyOverview, notify_overview
from tui.jobs.notices.rules import remove_address, set_rule
from tui.records.notices import NoticeEvent
from tui.store.notice_queries import DONE, FAILED
from tui.widgets.keys import bindings
from tui.widgets.table import Cell, Column, Table, TableRow
from tui.widgets.tones import Tone

_TONES: dict[str, Tone] = {DONE: "good", FAILED: "bad"}
_SIGNS = {
    DONE: "✓ told",
    FAILED: "✗ failed",
    "due": "… waits",
    "sending": "… sending",
    "dropped": "– dropped",
}


class NoticesScreen(GreyedKeys, inherit_bindings=False):
    """The rules over the channels over what was told."""

    PLACE = "home"
    CSS_PATH = "notices.tcss"
    AUTO_FOCUS = "#notice-rules"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("notices"), *DeckScreen.BINDINGS]
    HELP = """
    Where you are told when a job ends, a stop rule acts or something waits for you. Enter on an event chooses
    its channels; t tries a channel; n adds mail, Slack, ntfy or a webhook. Each thing is told once, by the
    open app or by tunedeck watch.
    """

    def __init__(self) -> None:
        super().__init__()
        self._known: NotifyOverview | None = None
        self._testing: set[str] = set()

    def compose_body(self) -> ComposeResult:
        """Yield rules, channels and deliveries."""
        yield Table(
            Column("When", 26), Column("you are told through"),
            id="notice-rules", classes="pane", title="Rules", empty="reading…",
        )  # fmt: skip
        yield Table(
            Column("Channel", 16), Column("Here", 9), Column("How", tone="muted"),
            id="notice-channels", classes="pane", title="Channels", empty="reading…",
        )  # fmt: skip
        yield Table(
            Column("What"), Column("Channel", 12, tone="muted", drop_below=60), Column("State", 11),
            Column("When", 11, align="right", tone="muted", drop_below=50),
            id="notices-told", classes="pane", title="Told", empty="Nothing has happened yet.",
        )  # fmt: skip

    def on_mount(self) -> None:
        """Read what there is."""
        self.action_reload()

    # Reading

    @work(
        thread=True, group="read-notices", exclusive=True, exit_on_error=False, description="read the rules"
    )
    def action_reload(self) -> None:
        """Look again what works here and what was told."""
        self.post_from_thread(self._show, notify_overview(self.services, has_terminal=True))

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """Say no more that a channel is tried."""
        if group == "test-channel" and self._known is not None:
            self._show(self._known)
        return super().work_broke_off(group, error)

    def _show(self, known: NotifyOverview) -> None:
        self._known = known
        self.query_one("#notice-rules", Table).set_rows(
            [TableRow(str(event), (event.meaning, known.told_through(event))) for event in NoticeEvent]
        )
        self.query_one("#notice-channels", Table).set_rows(
            [
                TableRow(one.name, (one.name, _works(one.works, one.name in self._testing), one.words))
                for one in known.channels
            ]
        )
        self.query_one("#notices-told", Table).set_rows(
            [
                TableRow(
                    f"{one.notice.number}\n{one.channel}",
                    (
                        f"{title}: {one.problem}" if one.problem else title,
                        one.channel,
                        (_SIGNS[one.state], _TONES.get(one.state, "muted")),
                        ago(one.notice.at),
                    ),
                )
                for one, title in known.recent
            ]
        )
        self.refresh_bindings()

    # Keys

    def _channel(self) -> str | None:
        return self.query_one("#notice-channels", Table).row_key if self.is_mounted else None

    def reason_against(self, action: str) -> str:
        """Return why a key can't act on the channel under the cursor."""
        if action not in ("test_channel", "remove_address") or self._known is None:
            return ""
        name = self._channel()
        if name is None:
            return "The channels are still being read."
        if action == "test_channel":
            return f"{name} is being tried." if name in self._testing else ""
        if self._known.rules.address(name) is None:
            return f"{name} is a channel of its own, not an address; leave it out of the rules instead."
        return ""

    @on(Table.Highlighted, "#notice-channels")
    def _cursor_moved(self) -> None:
        self.refresh_bindings()

    @on(Table.Chosen, "#notice-rules")
    def _open_rule(self, message: Table.Chosen) -> None:
        self._change_rule(NoticeEvent(message.key))

    @on(Table.Chosen, "#notice-channels")
    def _open_channel(self) -> None:
        self.action_test_channel()

    @on(Table.Chosen, "#notices-told")
    def _read_whole(self, message: Table.Chosen) -> None:
        """Show what a line has no room for."""
        for one, title in self._known.recent if self._known is not None else ():
            if message.key == f"{one.notice.number}\n{one.channel}":
                self.tell(one.problem or f"Through {one.channel}: {_SIGNS[one.state]}.", title=title)

    @work(group="notice-dialog", exclusive=True, exit_on_error=False, description="change a rule")
    async def _change_rule(self, event: NoticeEvent) -> None:
        known = self._known
        if known is None:
            return
        chosen = known.rules.channels_of(event)
        taken = await self.app.push_screen_wait(RuleDialog(event.meaning, known.channels, chosen))
        if taken is None or taken == chosen:
            return
        try:
            await asyncio.to_thread(set_rule, event, taken)
        except TunedeckError as error:
            self.tell_error(error)
        self.action_reload()

    def action_test_channel(self) -> None:
        """Send a test message through the channel under the cursor."""
        name = self._channel()
        if name is not None and name not in self._testing and self._known is not None:
            self._testing.add(name)
            self._show(self._known)
            self._test(name)

    @work(thread=True, group="test-channel", exit_on_error=False, description="try a channel")
    def _test(self, name: str) -> None:
        try:
            problem = self.navigator.test_channel(name)
        except TunedeckError as error:
            problem = f"{error.message} {error.remedy}".strip()
        except Exception:
            self._testing.discard(name)
            raise
        self.post_from_thread(self._tested, name, problem)

    def _tested(self, name: str, problem: str | None) -> None:
        self._testing.discard(name)
        if problem is None:
            self.tell(f"The test was handed to {name}.")
        else:
            self.tell(problem, title=f"{name} did not work", severity="error")
        if self._known is not None:
            self._show(self._known)

    @work(group="notice-dialog", exclusive=True, exit_on_error=False, description="add an address")
    async def action_add_address(self) -> None:
        """Fill in a new address."""
        name = await self.app.push_screen_wait(AddressDialog())
        if name:
            self.tell(f"{name} is a channel now; enter on an event has it told there, t tries it.")
            self.action_reload()

    @work(group="notice-dialog", exclusive=True, exit_on_error=False, description="remove an address")
    async def action_remove_address(self) -> None:
        """Remove the address under the cursor, after a question."""
        name = self._channel()
        if name is None:
            return
        sure = await self.app.push_screen_wait(
            ConfirmScreen(
                f"Remove the address {name}?",
                yes="remove it",
                warning="It leaves every rule, and the keyring if its URL is there.",
            )
        )
        if not sure:
            return
        try:
            await asyncio.to_thread(remove_address, name)
        except TunedeckError as error:
            self.tell_error(error)
        self.action_reload()


def _works(works: bool, is_testing: bool) -> Cell:
    if is_testing:
        return "trying…", "accent"
    return ("✓ works", "good") if works else ("✗ silent", "warning")
