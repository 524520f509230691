"""Accounts and models as last seen."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from tui.records.models import Account, ModelInfo
from tui.store.database import Database


class AccountQueries(Database):
    """The part of the store about who answers."""

    def save_accounts(self, accounts: Iterable[Account]) -> None:
        """Keep which accounts exist; keys are not part of an account and are never written."""
        with self.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?, ?)",
                [(one.name, one.provider, one.base_url, one.label, int(time.time())) for one in accounts],
            )

    def note_account(self, account: str, topic: str, message: str) -> None:
        """Keep what a service said about an account, such as topic "training_not_available"."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO account_notes VALUES (?, ?, ?, ?)",
                (account, topic, message, int(time.time())),
            )

    def account_note(self, account: str, topic: str) -> tuple[str, int] | None:
        """Return (message, Unix seconds) of a note, or None."""
        rows = self.query(
            "SELECT message, noted_at FROM account_notes WHERE account = ? AND topic = ?", (account, topic)
        )
        return (rows[0]["message"], rows[0]["noted_at"]) if rows else None

    def forget_account_note(self, account: str, topic: str) -> None:
        """Drop a note that is no longer true."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM account_notes WHERE account = ? AND topic = ?", (account, topic))

    def save_models(self, account: str, models: Sequence[ModelInfo]) -> None:
        """Replace the list of models that an account offers."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM models WHERE account = ?", (account,))
            connection.executemany(
                "INSERT OR REPLACE INTO models VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (account, one.id, one.created_at, one.owned_by, one.base_model, one.shutdown_date,
                     one.can_train, one.can_chat, int(time.time()))
                    for one in models
                ],
            )  # fmt: skip

    def save_listing(self, account: Account, models: Sequence[ModelInfo]) -> None:
        """Keep what an account answered when it was asked for its models, with the ends that it told."""
        self.save_accounts([account])
        self.save_models(account.name, models)
        self.save_model_dates(account.provider, {one.id: one.told_shutdown_date for one in models})

    def save_model_dates(self, provider: str, told: Mapping[str, str | None]) -> None:
        """Keep the shutdown dates that a service told, with today; None forgets what it told before."""
        now = int(time.time())
        with self.transaction() as connection:
            connection.executemany(
                "DELETE FROM model_dates WHERE provider = ? AND model = ?",
                [(provider, model) for model, day in told.items() if day is None],
            )
            connection.executemany(
                "INSERT OR REPLACE INTO model_dates VALUES (?, ?, ?, ?)",
                [(provider, model, day, now) for model, day in told.items() if day is not None],
            )

    def model_dates(self) -> list[tuple[str, str, str, int]]:
        """Return (service, model, shutdown date, Unix second at which it was told) of all that were told."""
        rows = self.query("SELECT * FROM model_dates ORDER BY provider, model")
        return [(row["provider"], row["model"], row["shutdown_date"], row["seen_at"]) for row in rows]
