"""Together's Batch API: a file of chat requests, answered within a day; some models cost half by it.

Routes, fields and states by the types of together 3.1.1; the line of a file and its limits (50,000 requests,
100 MB, 64 characters of a name) by docs.together.ai/docs/inference/batch (read 2026-11-30): a line of the
input is {custom_id, body}. That of the output was not found written down: what OpenAI's has is read, and a
bare answer too. A batch carries nothing of ours, so that the tag of a submission is in its input file's name.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tui.providers import rest
from tui.providers.batches import batch_body
from tui.providers.profiles import Profile
from tui.records.chats import ChatRequest
from tui.records.evaluations import RemoteBatch
from tui.safe_text import safe_line

if TYPE_CHECKING:
    from openai import OpenAI

PURPOSE = "batch-api"
_ALL = 100.0
_ROUTE = "/v1/chat/completions"


@contextmanager
def request_file(requests: Sequence[tuple[str, ChatRequest]], profile: Profile, tag: str) -> Iterator[Path]:
    """Give a file of requests, named by the tag, that is gone after the block.

    Together takes a file that it holds for the same, whatever it is called. Spaces behind the first line keep
    the files of two submissions apart, or the second would not be found by its name.
    """
    with tempfile.TemporaryDirectory(prefix="tunedeck-batch-") as folder:
        path = Path(folder) / file_name(tag)
        with path.open("wb") as file:
            for number, (name, request) in enumerate(requests):
                line = json.dumps(
                    {"custom_id": name, "body": batch_body(request, profile)}, ensure_ascii=False
                )
                padding = " " * (int(tag[:3], 16) if number == 0 else 0)
                file.write(f"{line}{padding}\n".encode("utf-8", "replace"))
        yield path


def file_name(tag: str) -> str:
    """Return what the input file of a submission is called."""
    return f"tunedeck-batch-{tag}.jsonl"


def create(client: OpenAI, file_id: str) -> RemoteBatch:
    """Start a batch; sent once, because a lost answer may hide a paid one."""
    body = {"endpoint": _ROUTE, "input_file_id": file_id, "completion_window": "24h"}
    told = rest.post_json(client, "/batches", body)
    job = told.get("job")
    return batch_from(job if isinstance(job, Mapping) else told)


def find(client: OpenAI, tag: str) -> RemoteBatch | None:
    """Return the newest batch of the input file that a submission's tag names, or None."""
    name = file_name(tag)
    files = {raw.get("id") for raw in rest.get_list(client, "/files") if raw.get("filename") == name}
    entries = rest.get_list(client, "/batches") if files else []
    mine = [raw for raw in entries if raw.get("input_file_id") in files]
    newest = max(mine, key=lambda raw: str(raw.get("created_at") or ""), default=None)
    return None if newest is None else batch_from(newest)


def retrieve(client: OpenAI, batch_id: str) -> RemoteBatch:
    """Return a batch as it is now."""
    return batch_from(rest.get_json(client, f"/batches/{quote(batch_id, safe='')}"))


def cancel(client: OpenAI, batch_id: str) -> RemoteBatch:
    """Ask the service to answer no more of a batch."""
    return batch_from(rest.post_json(client, f"/batches/{quote(batch_id, safe='')}/cancel"))


def batch_from(raw: Mapping[str, Any]) -> RemoteBatch:
    """Translate a batch; every field may be missing."""

    def named(field: str) -> str | None:
        value = raw.get(field)
        return value if isinstance(value, str) and value else None

    told = raw.get("progress")
    percent = float(told) if isinstance(told, int | float) and not isinstance(told, bool) else -1.0
    return RemoteBatch(
        id=named("id") or "",
        status=safe_line(named("status") or "unknown", 40).lower(),
        output_file=named("output_file_id"),
        error_file=named("error_file_id"),
        percent=percent if 0 <= percent <= _ALL else None,
        problem=(named("error") or "")[:500],
    )
