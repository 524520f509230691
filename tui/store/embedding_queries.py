"""Embeddings that were asked for: a vector is paid for once."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence

from tui.store.database import Database

_MOST_PARAMETERS = 500


class EmbeddingQueries(Database):
    """The part of the store about vectors of texts, found again by the digest of the text."""

    def save_embeddings(self, account: str, model: str, vectors: Mapping[bytes, Sequence[float]]) -> None:
        """Keep vectors as four bytes a number."""
        with self.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?)",
                [
                    (account, model, digest, array("f", vector).tobytes())
                    for digest, vector in vectors.items()
                ],
            )

    def embeddings(self, account: str, model: str, digests: Sequence[bytes]) -> dict[bytes, array[float]]:
        """Return the vectors that are kept of these texts."""
        found: dict[bytes, array[float]] = {}
        for start in range(0, len(digests), _MOST_PARAMETERS):
            some = digests[start : start + _MOST_PARAMETERS]
            rows = self.query(
                "SELECT digest, vector FROM embeddings WHERE account = ? AND model = ?"
                f" AND digest IN ({', '.join('?' * len(some))})",
                (account, model, *some),
            )
            found.update((row["digest"], array("f", row["vector"])) for row in rows)
        return found
