"""The system prompt that a model was trained with: without it, a small tuned model does not know its task."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from tui.chat.lanes import Lane
from tui.records.jobs import Job
from tui.store.archive_queries import ARCHIVED_TRAINING
from tui.store.store import Store

_ROWS_LOOKED_AT = 20
_LONGEST_LINE = 1 << 20


def trained_prompt(store: Store, lanes: Iterable[Lane]) -> str:
    """Return the system prompt that the first tuned model among `lanes` saw in training; empty if unknown.

    It is known when the job's copy has the training file, or tunedeck launched the job and the file is still
    there, and the first rows that have a system prompt all have the same one.
    """
    wanted = {(lane.account, lane.model) for lane in lanes}
    for job in store.jobs():
        if _made(store, job, wanted):
            return next(filter(None, map(common_prompt, _training_files(store, job))), "")
    return ""


def _training_files(store: Store, job: Job) -> Iterator[Path]:
    """Yield where a job's training file may lie: the copy first, which is what was trained on."""
    note = store.archive_note(job.account, job.id)
    if note is not None and note.folder is not None:
        yield Path(note.folder) / ARCHIVED_TRAINING
    record = store.launch_of_job(job.account, job.id)
    if record is not None:
        yield record.dataset_path


def _made(store: Store, job: Job, wanted: set[tuple[str, str]]) -> bool:
    if (job.account, job.fine_tuned_model) in wanted:
        return True
    checkpoints = store.checkpoints(job.account, job.id)
    return any((job.account, checkpoint.model) in wanted for checkpoint in checkpoints)


def common_prompt(path: Path) -> str:
    """Return the one system prompt of a file's first rows; empty when there is none or they differ."""
    try:
        with path.open("rb") as stream:
            lines = list(islice(iter(lambda: stream.readline(_LONGEST_LINE), b""), _ROWS_LOOKED_AT))
    except OSError:
        return ""
    prompts = {prompt for line in lines if (prompt := _prompt_of(line))}
    return prompts.pop() if len(prompts) == 1 else ""


def _prompt_of(line: bytes) -> str:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(row, dict):
        return ""
    place = row.get("input") if isinstance(row.get("input"), dict) else row  # preference rows nest messages
    messages = place.get("messages") if isinstance(place, dict) else None
    first = messages[0] if isinstance(messages, list) and messages else None
    if not isinstance(first, dict) or first.get("role") not in ("system", "developer"):
        return ""
    content = first.get("content")
    return content if isinstance(content, str) else ""
