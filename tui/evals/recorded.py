"""A recording read back: golden answers that any tool reads, or a checked file to train a successor on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tui.datasets.atomic import new_file
from tui.errors import TunedeckError
from tui.evals.ports import EvalServices
from tui.records.chats import ChatMessage, TokenLogprob
from tui.records.evaluations import EvalAnswer
from tui.records.recordings import RecordedRequest, Recording

RECORDED_KEY = "recorded"
"""Of a golden row: who answered, when, how fast, with which tokens."""
_FINISHED = ("stop", "tool_calls", "function_call", None)


class ExportKind(StrEnum):
    """What a recording is written as."""

    GOLDEN = "golden"
    """A test set: `messages`, `expected`, and all that was recorded."""
    TRAINING = "training"
    """Rows for a fine-tuning job: the recorded answer is the assistant's."""


@dataclass(frozen=True, slots=True)
class RecordedRow:
    """A question with what the model answered."""

    request: RecordedRequest
    answer: EvalAnswer | None
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was written."""

    path: Path
    kind: ExportKind
    rows: int
    left_out: Mapping[str, int]
    """Why -> how many rows."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "path": str(self.path), "kind": str(self.kind), "rows": self.rows, "left_out": dict(self.left_out)
        }  # fmt: skip


def recorded_rows(
    services: EvalServices, recording: Recording, *, logprobs: bool = True
) -> list[RecordedRow]:
    """Return every question of a recording, in order, with its answer where there is one."""
    store = services.store
    requests = store.recorded_requests(recording.id)
    digests = [one.digest for one in requests]
    answers = store.eval_answers(recording.account, recording.model, digests)
    sure = store.answer_logprobs(recording.account, recording.model, digests) if logprobs else {}
    return [RecordedRow(one, answers.get(one.digest), sure.get(one.digest, ())) for one in requests]


def is_meant(name: str, recording: Recording) -> bool:
    """Say whether a recording's id, a model's id or the end of one means this recording."""
    return name in (recording.model, recording.id) or recording.model.endswith(f":{name}")


def find_recording(services: EvalServices, name: str) -> Recording:
    """Return the recording that an id, its beginning, or a model's name or its end means; the newest.

    Raises:
        TunedeckError: There is none.
    """
    every = services.store.recordings()
    fitting = [one for one in every if one.id == name] or [
        one for one in every if is_meant(name, one) or (len(name) >= 4 and one.id.startswith(name))
    ]
    if not fitting:
        raise TunedeckError(f"There is no recording {name!r}.", "`tunedeck record list` shows them.")
    return fitting[0]


def export_recording(
    services: EvalServices,
    recording: Recording,
    path: Path,
    kind: ExportKind = ExportKind.GOLDEN,
    *,
    overwrite: bool = False,
) -> Exported:
    """Write a recording's answers to a JSONL file, all at once.

    Into training rows go whole answers only: nobody should learn half a sentence, or nothing.

    Raises:
        TunedeckError: No row is fit, or the file is there already.
    """
    left_out: Counter[str] = Counter()
    lines = []
    for row in recorded_rows(services, recording):
        why = _why_not(row, kind)
        if why or row.answer is None:
            left_out[why or "no answer yet"] += 1
            continue
        value = (
            _golden(row, row.answer, recording) if kind is ExportKind.GOLDEN else _training(row, row.answer)
        )
        lines.append(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    if not lines:
        reasons = ", ".join(f"{count:,} with {why}" for why, count in left_out.items())
        raise TunedeckError(
            f"No recorded answer can be written: {reasons or 'there is none'}.", "Record first."
        )
    with new_file(path, overwrite=overwrite) as file:
        file.writelines(lines)
    return Exported(path, kind, len(lines), dict(left_out))


def training_row(row: RecordedRow) -> tuple[dict[str, Any] | None, str]:
    """Return a recorded row as one to train on, or why nobody should learn from it."""
    why = _why_not(row, ExportKind.TRAINING)
    if why or row.answer is None:
        return None, why or "no answer yet"
    return _training(row, row.answer), ""


def _why_not(row: RecordedRow, kind: ExportKind) -> str:
    answer = row.answer
    if answer is None:
        return "a refusal of the service" if row.request.refusal else "no answer yet"
    if kind is ExportKind.GOLDEN:
        return ""
    if answer.finish_reason == "length":
        return "an answer that was cut at the token limit"
    if answer.finish_reason not in _FINISHED:
        return f"an answer that ended by {answer.finish_reason}"
    return "" if answer.text.strip() or answer.tool_calls else "an empty answer"


def _asked(row: RecordedRow) -> dict[str, Any]:
    asked: dict[str, Any] = {"messages": [_message(one) for one in row.request.messages]}
    if row.request.tools:
        asked["tools"] = [dict(tool) for tool in row.request.tools]
    return asked


def _message(message: ChatMessage) -> dict[str, Any]:
    if message.whole is not None:
        return dict(message.whole)
    return {"role": message.role, "content": message.content}


def _calls(answer: EvalAnswer) -> Iterator[dict[str, Any]]:
    for number, call in enumerate(answer.tool_calls, 1):
        function = {"name": call.name, "arguments": call.arguments}
        yield {"id": f"call_{number}", "type": "function", "function": function}


def _training(row: RecordedRow, answer: EvalAnswer) -> dict[str, Any]:
    asked = _asked(row)
    said: dict[str, Any] = {"role": "assistant"}
    if answer.text or not answer.tool_calls:
        said["content"] = answer.text
    if answer.tool_calls:
        said["tool_calls"] = list(_calls(answer))
    asked["messages"].append(said)
    return asked


def _golden(row: RecordedRow, answer: EvalAnswer, recording: Recording) -> dict[str, Any]:
    value = {"id": row.request.case_id, **_asked(row), "expected": answer.text}
    if answer.tool_calls:
        value["expected_tool_calls"] = list(_calls(answer))
    value[RECORDED_KEY] = {
        "account": recording.account,
        "model": recording.model,
        "asked_at": answer.asked_at,
        "finish_reason": answer.finish_reason,
        "usage": {
            "prompt_tokens": answer.usage.prompt_tokens,
            "completion_tokens": answer.usage.completion_tokens,
            "cached_tokens": answer.usage.cached_tokens,
        },
        "first_token_seconds": answer.first_token_seconds,
        "seconds": answer.seconds,
        "temperature": recording.parameters.temperature,
        "max_tokens": recording.parameters.max_tokens,
        "expected_before": list(row.request.expected),
        "logprobs": [
            {"token": one.token, "logprob": one.logprob, "top": [list(other) for other in one.alternatives]}
            for one in row.logprobs
        ],
    }
    return value
