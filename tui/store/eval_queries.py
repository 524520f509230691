"""Answers to test sets by what was asked, so that nothing is asked or paid for twice; and reports."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.store.database import Database
from tui.store.recording_queries import packed_logprobs
from tui.store.usage_queries import keep_usage

if TYPE_CHECKING:
    import sqlite3

    from tui.records.evaluations import EvalAnswer, EvalBatch, EvalRun, EvalRunHead, TextScore

_MOST_PARAMETERS = 500


class EvalQueries(Database):
    """The part of the store about evaluation; a digest stands for everything of a request but the model."""

    def save_eval_answer(self, account: str, model: str, digest: bytes, answer: EvalAnswer) -> None:
        """Keep an answer with what it used, in one transaction; an older one to the same is replaced."""
        self.save_eval_answers(account, model, {digest: answer})

    def save_eval_answers(self, account: str, model: str, answers: dict[bytes, EvalAnswer]) -> None:
        """Keep several answers with what they used, together or not at all."""
        with self.transaction() as connection:
            for digest, answer in answers.items():
                calls = json.dumps([[call.name, call.arguments] for call in answer.tool_calls])
                connection.execute(
                    "INSERT OR REPLACE INTO eval_answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (account, model, digest, _plain(answer.text), calls, answer.finish_reason,
                     answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.cached_tokens,
                     answer.first_token_seconds, answer.seconds, answer.asked_at, answer.batched),
                )  # fmt: skip
                if answer.logprobs:
                    connection.execute(
                        "INSERT OR REPLACE INTO answer_logprobs VALUES (?, ?, ?, ?)",
                        (account, model, digest, packed_logprobs(answer.logprobs)),
                    )
                # With its time, so that one asked anew is counted again: it was paid for again.
                reference = f"eval/{digest.hex()}/{answer.asked_at}/{model}"
                keep_usage(connection, account, reference, model, answer.asked_at, answer.usage)

    def eval_answers(self, account: str, model: str, digests: Sequence[bytes]) -> dict[bytes, EvalAnswer]:
        """Return the answers that are kept of these requests: digest -> answer."""
        found: dict[bytes, EvalAnswer] = {}
        for start in range(0, len(digests), _MOST_PARAMETERS):
            some = digests[start : start + _MOST_PARAMETERS]
            rows = self.query(
                "SELECT * FROM eval_answers WHERE account = ? AND model = ?"
                f" AND digest IN ({', '.join('?' * len(some))})",
                (account, model, *some),
            )
            found.update((row["digest"], _answer(row)) for row in rows)
        return found

    def mean_answer(self, account: str, model: str) -> tuple[float, float] | None:
        """Return (seconds, tokens of the answer) of a model's kept answers on average; None without any."""
        rows = self.query(
            "SELECT avg(seconds) AS seconds, avg(completion_tokens) AS tokens FROM eval_answers"
            " WHERE account = ? AND model = ? AND seconds IS NOT NULL",
            (account, model),
        )
        seconds = rows[0]["seconds"]
        return None if seconds is None else (seconds, rows[0]["tokens"])

    def save_text_scores(self, account: str, model: str, scores: dict[bytes, TextScore]) -> None:
        """Keep how likely a model held given texts: digest of the text's tokens -> score."""
        with self.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO eval_text_scores VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (account, model, digest, score.tokens, score.log_probability, score.right)
                    for digest, score in scores.items()
                ],
            )

    def text_scores(self, account: str, model: str, digests: Sequence[bytes]) -> dict[bytes, TextScore]:
        """Return the scores that are kept of these texts."""
        from tui.records.evaluations import TextScore

        found: dict[bytes, TextScore] = {}
        for start in range(0, len(digests), _MOST_PARAMETERS):
            some = digests[start : start + _MOST_PARAMETERS]
            rows = self.query(
                "SELECT * FROM eval_text_scores WHERE account = ? AND model = ?"
                f" AND digest IN ({', '.join('?' * len(some))})",
                (account, model, *some),
            )
            found.update(
                (row["digest"], TextScore(row["tokens"], row["log_probability"], row["likeliest"]))
                for row in rows
            )
        return found

    def save_eval_batch(self, batch: EvalBatch) -> None:
        """Keep a batch as it is now."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO eval_batches VALUES (?, ?, ?, ?, ?, ?, ?)",
                (batch.account, batch.id, batch.model, batch.state, b"".join(batch.digests),
                 batch.created_at, batch.collected),
            )  # fmt: skip

    def eval_batches(self, account: str | None = None, *, open_only: bool = False) -> list[EvalBatch]:
        """Return batches, newest first; `open_only` leaves out those that were collected."""
        from tui.records.evaluations import EvalBatch

        rows = self.query(
            "SELECT * FROM eval_batches WHERE (:account IS NULL OR account = :account)"
            " AND NOT (:open_only AND collected) ORDER BY created_at DESC, id",
            {"account": account, "open_only": open_only},
        )
        return [
            EvalBatch(
                row["account"], row["id"], row["model"], row["state"],
                tuple(row["digests"][at : at + 32] for at in range(0, len(row["digests"]), 32)),
                row["created_at"], bool(row["collected"]),
            )
            for row in rows
        ]  # fmt: skip

    def save_eval_run(self, title: str, report: str) -> str:
        """Keep the report of an evaluation (JSON) and return its id."""
        run_id = uuid.uuid4().hex[:12]
        with self.transaction() as connection:
            connection.execute(
                "INSERT INTO eval_runs VALUES (?, ?, ?, ?)", (run_id, int(time.time()), title, _plain(report))
            )
        return run_id

    def eval_runs(self, limit: int = 100) -> list[EvalRun]:
        """Return past evaluations, newest first."""
        from tui.records.evaluations import EvalRun

        rows = self.query("SELECT * FROM eval_runs ORDER BY created_at DESC, rowid DESC LIMIT ?", (limit,))
        return [EvalRun(row["id"], row["created_at"], row["title"], row["report"]) for row in rows]

    def eval_run(self, run_id: str) -> EvalRun | None:
        """Return one past evaluation, or None."""
        from tui.records.evaluations import EvalRun

        rows = self.query("SELECT * FROM eval_runs WHERE id = ?", (run_id,))
        found = [EvalRun(row["id"], row["created_at"], row["title"], row["report"]) for row in rows]
        return found[0] if found else None

    def eval_run_heads(self, limit: int = 1_000) -> list[EvalRunHead]:
        """Return past evaluations without their reports, newest first."""
        from tui.records.evaluations import EvalRunHead

        # Reports are long: what the list shows of them is taken out here, and an unreadable one shows less.
        told = "CASE WHEN json_valid(report) THEN json_extract(report, '{}') END"
        columns = {
            "model": "$.models[#-1].model", "row_count": "$.rows", "score": "$.models[#-1].score.estimate",
            "word": "$.verdict.word", "complete": "$.complete", "kind": "$.kind",
        }  # fmt: skip
        chosen = ", ".join(f"{told.format(path)} AS {name}" for name, path in columns.items())
        rows = self.query(
            f"SELECT id, created_at, title, {chosen} FROM eval_runs"
            " ORDER BY created_at DESC, rowid DESC LIMIT ?",
            (limit,),
        )
        return [
            EvalRunHead(
                row["id"], row["created_at"], row["title"], row["model"] or "", row["row_count"] or 0,
                row["score"], row["word"] or "", row["complete"] != 0, row["kind"] or "",
            )
            for row in rows
        ]  # fmt: skip

    def delete_eval_run(self, run_id: str) -> bool:
        """Forget a past evaluation's report; its answers stay. False when there was none."""
        with self.transaction() as connection:
            return connection.execute("DELETE FROM eval_runs WHERE id = ?", (run_id,)).rowcount > 0


def _plain(text: str) -> str:
    # SQLite keeps UTF-8, which has no unpaired surrogates; a model's broken bytes may hold some.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _answer(row: sqlite3.Row) -> EvalAnswer:
    from tui.records.chats import ToolCall, Usage
    from tui.records.evaluations import EvalAnswer

    return EvalAnswer(
        row["text"],
        tuple(ToolCall(name, arguments) for name, arguments in json.loads(row["tool_calls"])),
        row["finish_reason"],
        Usage(row["prompt_tokens"], row["completion_tokens"], row["cached_tokens"]),
        row["first_token_seconds"], row["seconds"], row["asked_at"], bool(row["batched"]),
    )  # fmt: skip
