"""What moderation said of texts, by their digest, so that no text is sent twice; the texts are not kept."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence

from tui.store.database import Database

_MOST_PARAMETERS = 500


class ModerationQueries(Database):
    """The part of the store about moderation."""

    def save_moderations(self, account: str, model: str, answers: Mapping[bytes, Sequence[str]]) -> None:
        """Keep answers: digest of what was judged -> categories that it is flagged in."""
        now = int(time.time())
        with self.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO moderations VALUES (?, ?, ?, ?, ?)",
                [
                    (account, model, digest, json.dumps(list(categories)), now)
                    for digest, categories in answers.items()
                ],
            )

    def moderations(self, account: str, model: str, digests: Sequence[bytes]) -> dict[bytes, tuple[str, ...]]:
        """Return what is known of these digests: digest -> categories; one not asked about is not in it."""
        known: dict[bytes, tuple[str, ...]] = {}
        for start in range(0, len(digests), _MOST_PARAMETERS):
            some = digests[start : start + _MOST_PARAMETERS]
            rows = self.query(
                "SELECT digest, categories FROM moderations WHERE account = ? AND model = ?"
                f" AND digest IN ({', '.join('?' * len(some))})",
                (account, model, *some),
            )
            known.update((row["digest"], tuple(json.loads(row["categories"]))) for row in rows)
        return known
