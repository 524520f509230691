"""What services keep deployed, as last seen: it may cost by the hour while nobody looks."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tui.store.database import Database

if TYPE_CHECKING:  # few people deploy: Home paints without
    from tui.records.deployments import Deployment


class DeploymentQueries(Database):
    """The part of the store about deployments."""

    def save_deployments(self, account: str, deployments: Iterable[Deployment]) -> None:
        """Keep an account's whole list in place of the one before."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM deployments WHERE account = ?", (account,))
            for one in deployments:
                _keep(connection, one)

    def save_deployment(self, deployment: Deployment) -> None:
        """Keep one deployment beside the others."""
        with self.transaction() as connection:
            _keep(connection, deployment)

    def forget_deployment(self, account: str, name: str) -> None:
        """Drop one that was taken down."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM deployments WHERE account = ? AND name = ?", (account, name))

    def deployments(self) -> list[Deployment]:
        """Return what was deployed when it was last seen."""
        rows = self.query("SELECT * FROM deployments ORDER BY account, name")
        if not rows:
            return []
        from tui.records.deployments import Deployment, DeploymentState

        return [
            Deployment(
                row["account"], row["name"], row["model"], DeploymentState(row["state"]), row["raw_state"],
                row["tier"], row["capacity"], row["created_at"], row["problem"], row["source_job"],
            )
            for row in rows
        ]  # fmt: skip


def _keep(connection: sqlite3.Connection, one: Deployment) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO deployments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (one.account, one.name, one.model, str(one.state), one.raw_state, one.tier, one.capacity,
         one.created_at, one.problem, one.source_job, int(time.time())),
    )  # fmt: skip
