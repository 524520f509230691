"""Ways from Home to what has no place of its own in the top line."""

from __future__ import annotations

from screens.base import DeckScreen


class HomeWays(DeckScreen, inherit_bindings=False):
    """Actions of Home's keys that lead elsewhere."""

    def action_show_accounts(self) -> None:
        """List the accounts, to add, test and remove them."""
        from screens.accounts import AccountsScreen  # most visits to Home need none of it

        self.app.push_screen(AccountsScreen())

    def action_show_notices(self) -> None:
        """Say where the person is told of what, and try it."""
        self.navigator.open_notices()

    def action_show_sweeps(self) -> None:
        """List the sweeps."""
        self.navigator.open_sweeps()

    def action_make_rows(self) -> None:
        """Let a model propose training rows, and look through what was proposed."""
        self.navigator.open_making()

    def action_record_models(self) -> None:
        """Record what the models that end soon answer, while they still do."""
        from screens.record import RecordScreen  # not needed before it is asked for

        self.app.push_screen(RecordScreen())
