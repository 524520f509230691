"""Takes a job to another account: what changes there side by side, then the launch form filled in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import work

from screens.base import DeckScreen
from screens.choose import ChooseScreen, Option
from screens.elsewhere_dialog import ElsewhereScreen
from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.widgets.table import Column

if TYPE_CHECKING:
    from tui.jobs.elsewhere import Origin
    from tui.records.models import Account

_ACCOUNTS = (Column("Account", 20), Column("Service", tone="muted"))
_MODELS = (Column("Model"),)


class LaunchesElsewhere(DeckScreen, inherit_bindings=False):
    """A screen with a job, or what is to become one, that can be launched at another account."""

    def origin_asked_for(self) -> Callable[[], Origin] | None:
        """Return how to find out what is launched elsewhere, which may read the store; None for nothing."""
        raise NotImplementedError

    @work(group="launch-elsewhere", exclusive=True, exit_on_error=False, description="launch a job elsewhere")
    async def action_launch_elsewhere(self) -> None:
        """Choose an account and see what changes; a yes fills the form, which still asks for the price."""
        find = self.origin_asked_for()
        if find is None:
            return
        try:
            dialog = await self._mapped(await asyncio.to_thread(find))
        except TunedeckError as error:
            self.tell_error(error)
            return
        if dialog is not None and await self.app.push_screen_wait(dialog):
            self.navigator.open_launch_with(dialog.found.terms)

    async def _mapped(self, origin: Origin) -> ElsewhereScreen | None:
        from tui.jobs.elsewhere import accounts_for, launch_elsewhere  # prices and dates; only for this key
        from tui.jobs.trainable import methods_for, models_for

        others = await asyncio.to_thread(accounts_for, self.services, origin)
        options = [_account(one, reason) for one, reason in others]
        account = await self.app.push_screen_wait(
            ChooseScreen("Launch this at", _ACCOUNTS, options, hint="account")
        )
        if account is None:
            return None
        methods = await asyncio.to_thread(methods_for, self.services, account, origin.method)
        if not methods:
            reason = next(reason for one, reason in others if one.name == account)
            raise TunedeckError(f"{account} can't take this {origin.method} job.", reason)
        try:
            found = await asyncio.to_thread(
                launch_elsewhere, self.services, origin, account, None, methods[0]
            )
        except TunedeckError:
            fitting = await asyncio.to_thread(models_for, self.services, account, methods[0])
            model = await self.app.push_screen_wait(
                ChooseScreen(
                    f"{safe_line(origin.model, 40)} can't be trained there; choose a model",
                    _MODELS,
                    [Option(name, (safe_line(name, 100),), name) for name in fitting],
                    hint="part of a name",
                )
            )
            if model is None:
                return None
            found = await asyncio.to_thread(
                launch_elsewhere, self.services, origin, account, model, methods[0]
            )
        return ElsewhereScreen(origin, found, methods)


def _account(one: Account, reason: str) -> Option:
    service = safe_line(reason, 100) if reason else safe_line(one.label, 60)
    return Option(one.name, (safe_line(one.name, 40), service), f"{one.name} {one.label}")
