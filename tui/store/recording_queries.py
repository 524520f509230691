"""Recordings: which questions of which source a model was asked, to be gone on with and used."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tui.store.database import Database

if TYPE_CHECKING:
    import sqlite3

    from tui.records.chats import ChatMessage, TokenLogprob
    from tui.records.recordings import RecordedRequest, Recording

_MOST_PARAMETERS = 500
_ANSWERED = (
    "SELECT r.*, count(q.number) AS asked, count(a.digest) AS answered,"
    " sum(a.digest IS NULL AND q.refusal != '') AS refused"
    " FROM recordings r LEFT JOIN recorded_requests q ON q.recording = r.id"
    " LEFT JOIN eval_answers a ON a.account = r.account AND a.model = r.model AND a.digest = q.digest"
    " WHERE (:id IS NULL OR r.id = :id) AND (:model IS NULL OR r.model = :model)"
    " AND (:account IS NULL OR r.account = :account)"
    " GROUP BY r.id ORDER BY r.created_at DESC, r.rowid DESC"
)


class RecordingQueries(Database):
    """The part of the store about recordings; answers are those of `EvalQueries`, under the same digests."""

    def save_recording(self, recording: Recording, requests: Sequence[RecordedRequest]) -> None:
        """Keep what is about to be asked; again, it changes nothing."""
        parameters = json.dumps(asdict(recording.parameters))
        with self.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO recordings VALUES (?, ?, ?, ?, ?, ?)",
                (recording.id, recording.account, recording.model, _plain(recording.source), parameters,
                 recording.created_at),
            )  # fmt: skip
            connection.executemany(
                "INSERT OR IGNORE INTO recorded_requests VALUES (?, ?, ?, ?, ?, ?, ?, ?, '')",
                [
                    (recording.id, number, one.digest, _plain(one.case_id), one.line,
                     _dumped([_message_value(message) for message in one.messages]),
                     _dumped(list(one.tools)), _dumped(list(one.expected)))
                    for number, one in enumerate(requests, 1)
                ],
            )  # fmt: skip

    def save_refusals(self, recording: str, refusals: Mapping[bytes, str]) -> None:
        """Keep why a service would not answer some of a recording's questions; empty takes it back."""
        with self.transaction() as connection:
            connection.executemany(
                "UPDATE recorded_requests SET refusal = ? WHERE recording = ? AND digest = ?",
                [(_plain(why), recording, digest) for digest, why in refusals.items()],
            )

    def recordings(self, model: str | None = None, account: str | None = None) -> list[Recording]:
        """Return recordings, newest first, with how many of their questions have answers."""
        rows = self.query(_ANSWERED, {"id": None, "model": model, "account": account})
        return [_recording(row) for row in rows]

    def recording(self, recording_id: str) -> Recording | None:
        """Return one recording, or None."""
        rows = self.query(_ANSWERED, {"id": recording_id, "model": None, "account": None})
        return _recording(rows[0]) if rows else None

    def recorded_requests(self, recording: str) -> list[RecordedRequest]:
        """Return the questions of a recording, in their order."""
        rows = self.query("SELECT * FROM recorded_requests WHERE recording = ? ORDER BY number", (recording,))
        return [_request(row) for row in rows]

    def answer_logprobs(
        self, account: str, model: str, digests: Sequence[bytes]
    ) -> dict[bytes, tuple[TokenLogprob, ...]]:
        """Return the logprobs that are kept of these answers; one without any is not in it."""
        found: dict[bytes, tuple[TokenLogprob, ...]] = {}
        for start in range(0, len(digests), _MOST_PARAMETERS):
            some = digests[start : start + _MOST_PARAMETERS]
            rows = self.query(
                "SELECT digest, logprobs FROM answer_logprobs WHERE account = ? AND model = ?"
                f" AND digest IN ({', '.join('?' * len(some))})",
                (account, model, *some),
            )
            found.update((row["digest"], _unpacked(row["logprobs"])) for row in rows)
        return found


def packed_logprobs(logprobs: Sequence[TokenLogprob]) -> bytes:
    """Return logprobs as a tenth of their JSON."""
    rounded = [
        [one.token, round(one.logprob, 6), [[token, round(value, 6)] for token, value in one.alternatives]]
        for one in logprobs
    ]
    return zlib.compress(json.dumps(rounded).encode("ascii"))


def _unpacked(content: bytes) -> tuple[TokenLogprob, ...]:
    from tui.records.chats import TokenLogprob

    return tuple(
        TokenLogprob(token, logprob, tuple((other, value) for other, value in alternatives))
        for token, logprob, alternatives in json.loads(zlib.decompress(content))
    )


def _message_value(message: ChatMessage) -> list[Any]:
    return [message.role, message.content, None if message.whole is None else dict(message.whole)]


def _dumped(value: Any) -> str:
    return json.dumps(value)  # ASCII: unpaired surrogates stay what they are


def _plain(text: str) -> str:
    # SQLite keeps UTF-8, which has no unpaired surrogates.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _recording(row: sqlite3.Row) -> Recording:
    from tui.records.chats import ChatParameters
    from tui.records.recordings import Recording

    parameters = json.loads(row["parameters"])
    known = {name: value for name, value in parameters.items() if name in ChatParameters.__dataclass_fields__}
    known["stop"] = tuple(known.get("stop") or ())
    return Recording(
        row["id"], row["account"], row["model"], row["source"], ChatParameters(**known), row["created_at"],
        row["asked"], row["answered"], row["refused"] or 0,
    )  # fmt: skip


def _request(row: sqlite3.Row) -> RecordedRequest:
    from tui.records.chats import ChatMessage
    from tui.records.recordings import RecordedRequest

    return RecordedRequest(
        row["digest"], row["case_id"], row["line"],
        tuple(ChatMessage(*message) for message in json.loads(row["messages"])),
        tuple(json.loads(row["tools"])), tuple(json.loads(row["expected"])), row["refusal"],
    )  # fmt: skip
