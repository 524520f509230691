"""OpenAI's Batch API: a file of chat requests, answered within a day at a lower price.

Shape by the types of openai 3.52.0 and the service's specification (read 2026-11-21): a line of the input is
{custom_id, method, url, body}; of the output {custom_id, response: {status_code, body}, error}. At most
50,000 requests and 200 MB a batch, all of one model.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tui.providers.chat_stream import chat_arguments
from tui.providers.paging import all_pages, read_json
from tui.providers.profiles import Profile
from tui.records.chats import ChatRequest, ToolCall, Usage
from tui.records.evaluations import BATCH_KEY, EvalAnswer, RemoteBatch

if TYPE_CHECKING:
    from openai import OpenAI

MOST_REQUESTS = 50_000
MOST_BYTES = 200 * 1024 * 1024
_ROUTE: Final = "/v1/chat/completions"
_LOOKED_AT = 200
"""Newest batches in which one whose answer was lost is looked for."""
_OK = 200


def batch_line(name: str, request: ChatRequest, profile: Profile) -> bytes:
    """Return a request as a line of a batch's file."""
    line = {"custom_id": name, "method": "POST", "url": _ROUTE, "body": batch_body(request, profile)}
    return json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def batch_body(request: ChatRequest, profile: Profile) -> dict[str, Any]:
    """Return what is asked, without what belongs to a stream: a batch has none."""
    body = chat_arguments(request, profile)
    return {key: value for key, value in body.items() if key not in ("stream", "stream_options")}


@contextmanager
def request_file(requests: Sequence[tuple[str, ChatRequest]], profile: Profile) -> Iterator[Path]:
    """Give a file of requests that is gone after the block."""
    with tempfile.TemporaryDirectory(prefix="tunedeck-batch-") as folder:
        path = Path(folder) / "requests.jsonl"
        with path.open("wb") as file:
            for name, request in requests:
                file.write(batch_line(name, request, profile))
        yield path


def create(client: OpenAI, file_id: str, tag: str) -> RemoteBatch:
    """Start a batch; sent once, because a lost answer may hide a paid one."""
    once = client.with_options(max_retries=0)
    response = once.batches.with_raw_response.create(
        completion_window="24h", endpoint=_ROUTE, input_file_id=file_id, metadata={BATCH_KEY: tag}
    )
    return batch_from(read_json(response))


def find(client: OpenAI, tag: str) -> RemoteBatch | None:
    """Return the newest batch that carries a tag, or None."""
    entries = all_pages(
        lambda **page: read_json(client.batches.with_raw_response.list(**page)),
        page_size=100,
        limit=_LOOKED_AT,
    )
    for raw in entries:
        metadata = raw.get("metadata")
        if isinstance(metadata, Mapping) and metadata.get(BATCH_KEY) == tag:
            return batch_from(raw)
    return None


def batch_from(raw: Mapping[str, Any]) -> RemoteBatch:
    """Translate a batch; every field may be missing."""
    counts = raw.get("request_counts")
    counted = counts if isinstance(counts, Mapping) else {}
    errors = raw.get("errors")
    listed = errors.get("data") if isinstance(errors, Mapping) else None
    problems = [
        str(one.get("message") or one.get("code"))
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, Mapping)
    ]
    return RemoteBatch(
        id=str(raw.get("id") or ""),
        status=str(raw.get("status") or "unknown"),
        output_file=_named(raw.get("output_file_id")),
        error_file=_named(raw.get("error_file_id")),
        total=_whole(counted.get("total")),
        completed=_whole(counted.get("completed")),
        failed=_whole(counted.get("failed")),
        problem="; ".join(problems)[:500],
    )


def _named(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def answers_in(content: bytes) -> Iterator[tuple[str, EvalAnswer | str]]:
    """Yield the answers of an output or error file by request, in any order, without what can't be read."""
    for line in content.splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        name = entry.get("custom_id") if isinstance(entry, dict) else None
        if isinstance(name, str):
            yield name, _answer(entry)


def _answer(entry: Mapping[str, Any]) -> EvalAnswer | str:
    response, error = entry.get("response"), entry.get("error")
    body = response.get("body") if isinstance(response, Mapping) else None
    if isinstance(response, Mapping) and "choices" in response:
        body = response  # a bare answer, as some services write it
    status = response.get("status_code") if isinstance(response, Mapping) else None
    if not isinstance(body, Mapping) or status not in (None, _OK):
        return _problem(body, error)
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(choice, Mapping) or not isinstance(message, Mapping):
        return "the service gave no answer"
    text = message.get("content") or message.get("refusal")
    used = body.get("usage")
    usage = used if isinstance(used, Mapping) else {}
    details = usage.get("prompt_tokens_details")
    cached = _whole(details.get("cached_tokens")) if isinstance(details, Mapping) else 0
    return EvalAnswer(
        text=text if isinstance(text, str) else "",
        tool_calls=tuple(_calls(message.get("tool_calls"))),
        finish_reason=_named(choice.get("finish_reason")) or "stop",
        usage=Usage(_whole(usage.get("prompt_tokens")), _whole(usage.get("completion_tokens")), cached),
        asked_at=_whole(body.get("created")) or int(time.time()),
        batched=True,
    )


def _problem(body: Any, error: Any) -> str:
    inner = body.get("error") if isinstance(body, Mapping) else None
    for one in (inner, error):
        if isinstance(one, Mapping) and (one.get("message") or one.get("code")):
            return str(one.get("message") or one.get("code"))[:500]
    return "the service gave no answer"


def _calls(value: Any) -> Iterator[ToolCall]:
    for call in value if isinstance(value, list) else []:
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping):
            yield ToolCall(str(function.get("name") or ""), str(function.get("arguments") or ""))
