"""A service on loopback whose models answer by a function of the question, and count what they are asked."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from tests.unit.core.fake_service import FakeService, Json

BASE = "gpt-4.1-mini-2025-04-14"
TUNED = "ft:gpt-4.1-mini-2025-04-14:org::abc"
JUDGE = "gpt-4.1-2025-04-14"

Reply = str | int | Json | list[Json]
"""A text, a status to refuse with, a message's delta, or whole chunks."""


class AnsweringService(FakeService):
    """Answers by `reply(model, question, body)`; tokens are words."""

    def __init__(self) -> None:
        super().__init__()
        self.reply: Callable[[str, str, Json], Reply] = lambda model, question, body: "ok"
        self.asked: Counter[tuple[str, str]] = Counter()
        """(model, question) -> how often it was asked."""
        self.models = [{"id": name, "object": "model", "created": 1} for name in (BASE, TUNED, JUDGE)]
        self._counting = threading.Lock()

    def chunks_for(self, body: Json) -> Iterable[Json] | int:
        question = question_of(body)
        with self._counting:
            self.asked[body["model"], question] += 1
        reply = self.reply(body["model"], question, body)
        if isinstance(reply, int | list):
            return reply
        delta = reply if isinstance(reply, dict) else {"content": reply}
        words = len(str(reply).split())
        prompt = sum(len(str(message.get("content", "")).split()) for message in body["messages"])
        reason = "tool_calls" if "tool_calls" in delta else "stop"
        return [
            {"id": "c", "choices": [{"index": 0, "delta": delta}]},
            {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
            {"id": "c", "choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": words,
                                                 "total_tokens": prompt + words}},
        ]  # fmt: skip

    def finish_batch(self, batch_id: str, status: str = "completed", *, lose: int = 0) -> None:
        """Answer a batch's requests as `reply` says; `lose` of them expire."""
        batch = self.batches[batch_id]
        answered: list[Json] = []
        failed: list[Json] = []
        lines = [json.loads(line) for line in self.contents[batch["input_file_id"]].splitlines()]
        for number, line in enumerate(reversed(lines)):  # a batch keeps no order
            chunks = self.chunks_for(line["body"])
            entry: Json = {
                "id": f"r{number}",
                "custom_id": line["custom_id"],
                "response": None,
                "error": None,
            }
            if number < lose:
                entry["error"] = {"code": "batch_expired", "message": "This request expired."}
            elif isinstance(chunks, int):
                refusal = {"error": {"message": "this can't be answered"}}
                entry["response"] = {"status_code": chunks, "body": refusal}
            else:
                whole = list(chunks)
                message = {"role": "assistant", "content": None, **whole[0]["choices"][0]["delta"]}
                entry["response"] = {"status_code": 200, "body": {
                    "created": 4000, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                    "usage": whole[-1]["usage"],
                }}  # fmt: skip
            good = entry["response"] is not None and entry["response"]["status_code"] == 200
            (answered if good else failed).append(entry)
        for kind, entries in (("output", answered), ("error", failed)):
            if entries:
                name = f"file-{batch_id}-{kind}"
                self.contents[name] = "".join(json.dumps(one) + "\n" for one in entries).encode()
                batch[f"{kind}_file_id"] = name
        batch["status"] = status
        batch["request_counts"] = {"total": len(lines), "completed": len(answered), "failed": len(failed)}

    @property
    def requests_answered(self) -> int:
        return self.asked.total()


def question_of(body: Json) -> str:
    """Return the last message's text."""
    content: Any = body["messages"][-1]["content"]
    return content if isinstance(content, str) else json.dumps(content)
