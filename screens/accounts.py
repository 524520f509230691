"""The accounts: where each has its key from, what works with it, how much of its limits is left."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from screens.account_facts import account_lines, account_row
from screens.account_form import AccountDialog, FilledForm
from screens.base import DeckScreen
from screens.confirm import ConfirmScreen
from screens.greyed_keys import GreyedKeys
from tui.errors import TunedeckError
from tui.jobs.account_check import AccountLine, check_account
from tui.providers.keys import SSH
from tui.records.models import Account
from tui.remote.states import TunnelLine, TunnelState, tunnel_line, tunnel_state
from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.table import Column, Table, TableRow
from tui.widgets.tones import content, content_lines

_SECONDS_BETWEEN_LOOKS = 2.0
_OF_ONE_ACCOUNT = ("test_account", "edit_account", "remove_account", "toggle_tunnel")
_COLUMNS = (
    Column("Account", 18),
    Column("Service", 16, tone="muted"),
    Column("Key from", 24, tone="muted", drop_below=90),
    Column("State"),
)


class AccountFacts(VerticalScroll, inherit_bindings=False):
    """What is known of one account, scrolled with the keys of every other pane."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("scroll")]


class AccountsScreen(GreyedKeys, inherit_bindings=False):
    """Accounts over what is known of the one under the cursor."""

    PLACE = "home"
    CSS_PATH = "accounts.tcss"
    AUTO_FOCUS = "#accounts-table"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("accounts"), *DeckScreen.BINDINGS]
    HELP = """
    Every account and where its key comes from: an environment variable or the keyring, never a file of
    tunedeck's. t asks a service what works: models, files, jobs, and who can train until when. Asking
    creates nothing and costs nothing. An engine on another machine is reached through an ssh tunnel, which
    opens by itself when it is needed; c closes it, and opens it again. Its jobs go on either way.
    """

    @dataclass
    class Found(Message):
        """One thing that works with an account, or does not; None once all is asked."""

        account: str
        line: AccountLine | None

    @dataclass
    class TunnelTurned(Message):
        """A tunnel was opened or closed, or could not be."""

        account: str
        error: TunedeckError | None

    def __init__(self) -> None:
        super().__init__()
        self._accounts: dict[str, Account] = {}
        self._found: dict[str, list[AccountLine]] = {}
        self._asking: set[str] = set()
        self._turning: set[str] = set()
        """Accounts whose tunnel is being opened or closed."""

    def compose_body(self) -> ComposeResult:
        """Yield the list over the facts."""
        yield Table(*_COLUMNS, id="accounts-table", classes="pane", title="Accounts")
        with AccountFacts(id="account-facts", classes="pane"):
            yield Static("", id="account-lines", markup=False)

    def on_mount(self) -> None:
        """Show what is known without asking anybody."""
        self._read()
        self.set_interval(_SECONDS_BETWEEN_LOOKS, self._look_at_tunnels)

    def _look_at_tunnels(self) -> None:
        """A tunnel breaks and is reopened by whoever needs it, without a word to this screen."""
        if self.is_current and any(account.key_source == SSH for account in self._accounts.values()):
            self._read()

    def _read(self) -> None:
        try:
            self._accounts = {account.name: account for account in self.services.accounts()}
        except TunedeckError as error:
            self.tell_error(error)
            return
        self._show()

    # Showing

    def _show(self) -> None:
        table = self.query_one(Table)
        table.set_rows(
            [
                TableRow(
                    account.name,
                    account_row(
                        account,
                        self._found.get(account.name),
                        account.name in self._asking,
                        self._tunnel(account),
                    ),
                )
                for account in self._accounts.values()
            ]
        )
        self._show_facts()

    def _show_facts(self) -> None:
        account = self._chosen()
        if account is None:
            return
        facts = self.query_one("#account-facts")
        facts.border_title = content(safe_line(account.name, 60))
        lines = account_lines(
            account,
            self.services.declared_account(account.name),
            self._found.get(account.name),
            self.services.rate_gauges(account.name),
            ascii_only=self.services.settings.ascii,
            tunnel=self._tunnel(account),
        )
        self.query_one("#account-lines", Static).update(content_lines(lines))
        self.refresh_bindings()

    def _tunnel(self, account: Account) -> TunnelLine | None:
        if account.key_source != SSH:
            return None
        return tunnel_line(account.name, is_turning=account.name in self._turning)

    def _chosen(self) -> Account | None:
        tables = self.query(Table)  # none before they are made, when the footer asks for the first time
        key = tables.first().row_key if tables else None
        return self._accounts.get(key) if key is not None else None

    @on(Table.Highlighted)
    def _cursor_moved(self) -> None:
        self._show_facts()

    # Asking

    @work(thread=True, group="ask-accounts", exit_on_error=False, description="ask a service what works")
    def _ask(self, name: str) -> None:
        worker = get_current_worker()
        try:
            for line in check_account(self.services, name):
                self.post_message(self.Found(name, line))
                if worker.is_cancelled:
                    return
        except TunedeckError as error:
            self.post_message(self.Found(name, AccountLine("fail", "key", error.message, error.remedy)))
        finally:
            self.post_message(self.Found(name, None))

    @on(Found)
    def _take_note(self, message: Found) -> None:
        if message.line is None:
            self._asking.discard(message.account)
        else:
            self._found.setdefault(message.account, []).append(message.line)
        self._show()

    def _begin(self, names: list[str]) -> None:
        waiting = [name for name in names if name not in self._asking]
        for name in waiting:
            self._found[name] = []
        self._asking |= set(waiting)
        self._show()
        for name in waiting:  # each in a thread of its own: a service that hangs holds up no other
            self._ask(name)

    # Keys

    def reason_against(self, action: str) -> str:
        """Return why a key can't act on the account under the cursor."""
        account = self._chosen()
        if action not in _OF_ONE_ACCOUNT or account is None:
            return ""
        if action == "toggle_tunnel":
            if account.key_source != SSH:
                return "Only an engine that `tunedeck engine deploy` made on another machine has a tunnel."
            return "It is being opened or closed." if account.name in self._turning else ""
        if action == "test_account":
            return "It is being asked." if account.name in self._asking else ""
        if account.provider == "local":
            return "The engine on this machine needs no account; it is always there."
        if account.key_source == SSH:
            verb = "deploy" if action == "edit_account" else "remote remove"
            return f"It belongs to an engine on another machine: `tunedeck engine {verb}` changes that."
        if action == "remove_account" and self.services.declared_account(account.name) is None:
            return "This account is built in. Without its environment variable it is only a line here."
        return ""

    def action_test_account(self) -> None:
        """Ask the service of the account under the cursor."""
        account = self._chosen()
        if account is not None:
            self._begin([account.name])

    def action_test_all(self) -> None:
        """Ask every service that can be asked."""
        self._begin([account.name for account in self._accounts.values() if account.ready])

    def action_toggle_tunnel(self) -> None:
        """Open the tunnel of the account under the cursor, or close it."""
        account = self._chosen()
        if account is not None:
            self._turning.add(account.name)
            self._show()
            self._turn(account.name)

    @work(thread=True, group="turn-tunnel", exit_on_error=False, description="open or close a tunnel")
    def _turn(self, name: str) -> None:
        from tui.remote.connection import connect, disconnect  # few have such an account

        problem = None
        try:
            if tunnel_state(name)[0] is TunnelState.OPEN:
                disconnect(name)
            else:
                connect(name, by_hand=True)
        except TunedeckError as error:
            problem = error
        self.post_message(self.TunnelTurned(name, problem))

    @on(TunnelTurned)
    def _tunnel_turned(self, message: TunnelTurned) -> None:
        self._turning.discard(message.account)
        if message.error is not None:
            self.tell_error(message.error)
        self._changed(message.account)

    @on(Table.Chosen)
    def _open(self) -> None:
        reason = self.reason_against("edit_account")
        if reason:
            self.tell(reason, severity="warning")
        else:
            self.action_edit_account()

    def action_add_account(self) -> None:
        """Fill in a new account."""
        self._fill_in(None)

    def action_edit_account(self) -> None:
        """Change the account under the cursor."""
        self._fill_in(self._chosen())

    @work(group="account-form", exclusive=True, exit_on_error=False, description="fill in an account")
    async def _fill_in(self, account: Account | None) -> None:
        declared = self.services.declared_account(account.name) if account is not None else None
        form = FilledForm.of(account, declared)
        taken = set() if account is not None else set(self._accounts)
        name = await self.app.push_screen_wait(AccountDialog(form, is_new=account is None, taken=taken))
        if name:
            self._changed(name)

    @work(group="account-form", exclusive=True, exit_on_error=False, description="remove an account")
    async def action_remove_account(self) -> None:
        """Remove the account under the cursor, after a question."""
        from tui.providers.account_settings import drop_account  # reads profiles; not needed to list

        account = self._chosen()
        if account is None:
            return
        sure = await self.app.push_screen_wait(
            ConfirmScreen(
                f"Remove the account {account.name}?",
                yes="remove it",
                facts=[("Service", account.label), ("Key", account.key_source or "none")],
                warning="Its key leaves the keyring. Jobs and models that were seen stay listed."
                if account.key_source == "keyring"
                else "Jobs and models that were seen stay listed.",
            )
        )
        if not sure:
            return
        try:
            await asyncio.to_thread(drop_account, account.name)
        except TunedeckError as error:
            self.tell_error(error)
        self._changed(account.name)

    def _changed(self, name: str) -> None:
        """Take up what the settings file says now; what was found out before may not hold any more."""
        self._found.pop(name, None)
        try:
            self.services.reload_accounts()
        except TunedeckError as error:
            self.tell_error(error)
        self._read()
