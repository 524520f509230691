"""Foreign answers in our words: every field may be missing, null, of another type or unknown."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from tui.providers.profiles import ModelFacts
from tui.records.jobs import Checkpoint, Job, JobError, JobEvent, JobState, Method
from tui.records.model_names import base_of, is_tuned
from tui.records.models import ModelInfo
from tui.records.requests import RemoteFile
from tui.safe_text import safe_text

STATES: Mapping[str, JobState] = {
    "validating_files": JobState.PREPARING,
    "created": JobState.PREPARING,
    "creating": JobState.PREPARING,
    "validating": JobState.PREPARING,
    "compressing": JobState.FINISHING,
    "uploading": JobState.FINISHING,
    "writing_results": JobState.FINISHING,
    "pending": JobState.QUEUED,
    "queued": JobState.QUEUED,
    "running": JobState.RUNNING,
    "paused": JobState.PAUSED,
    "pausing": JobState.STOPPING,
    "cancelling": JobState.STOPPING,
    "cancel_requested": JobState.STOPPING,
    "completed": JobState.SUCCEEDED,
    "early_stopped": JobState.SUCCEEDED,
    "error": JobState.FAILED,
    "user_error": JobState.FAILED,
    "expired": JobState.FAILED,
    "succeeded": JobState.SUCCEEDED,
    "failed": JobState.FAILED,
    "cancelled": JobState.CANCELLED,
    "canceled": JobState.CANCELLED,
}
"""The service's word -> ours; any other word is OTHER, and stays beside it as it came."""

_LONG_PREFIX = "job_state_"
"""Google and Fireworks begin each word with it; a gateway passes theirs on."""
_LARGEST_NUMBER = 2**53

Raw = Mapping[str, Any]


def job_from(raw: Raw, account: str) -> Job:
    """Return a job from the service's JSON; never raises, whatever is missing."""
    status = _text(raw.get("status")) or ""
    method_name, settings = _method(raw)
    return Job(
        account=account,
        id=_text(raw.get("id")) or "",
        state=STATES.get(status.lower().removeprefix(_LONG_PREFIX), JobState.OTHER),
        raw_status=status or "unknown",
        model=_text(raw.get("model")) or "",
        method=method_name,
        created_at=_integer(raw.get("created_at")),
        finished_at=_integer(raw.get("finished_at")),
        estimated_finish=_integer(raw.get("estimated_finish")),
        fine_tuned_model=_text(raw.get("fine_tuned_model")),
        training_file=_text(raw.get("training_file")),
        validation_file=_text(raw.get("validation_file")),
        result_files=tuple(item for item in _items(raw.get("result_files")) if isinstance(item, str)),
        trained_tokens=_integer(raw.get("trained_tokens")),
        hyperparameters=settings,
        seed=_integer(raw.get("seed")),
        suffix=_text(raw.get("suffix")) or _text(raw.get("user_provided_suffix")),
        metadata={str(key): str(value) for key, value in _mapping(raw.get("metadata")).items()},
        error=_job_error(raw.get("error")),
        raw=dict(raw),
    )


def event_from(raw: Raw, job_id: str) -> JobEvent:
    """Return an event; one without an id gets one made from its content, so that it is still kept once."""
    message = safe_text(_text(raw.get("message")) or "")
    return JobEvent(
        id=_text(raw.get("id")) or _made_id(raw),
        job_id=job_id,
        created_at=_integer(raw.get("created_at")) or 0,
        level=_text(raw.get("level")) or "info",
        message=message,
        type=_text(raw.get("type")) or "message",
        data=dict(_mapping(raw.get("data"))),
    )


def checkpoint_from(raw: Raw, job_id: str) -> Checkpoint:
    """Return a checkpoint; metrics that are not numbers are left out."""
    metrics = _mapping(raw.get("metrics"))
    step = _integer(raw.get("step_number"))
    return Checkpoint(
        id=_text(raw.get("id")) or _made_id(raw),
        job_id=job_id,
        model=_text(raw.get("fine_tuned_model_checkpoint")) or "",
        step=step if step is not None else _integer(metrics.get("step")) or 0,
        created_at=_integer(raw.get("created_at")),
        metrics={
            str(name): float(value)
            for name, value in metrics.items()
            if name != "step" and isinstance(value, int | float) and not isinstance(value, bool)
            and abs(value) < _LARGEST_NUMBER
        },
    )  # fmt: skip


def file_from(raw: Raw) -> RemoteFile:
    """Return a file that a service holds."""
    return RemoteFile(
        id=_text(raw.get("id")) or "",
        filename=safe_text(_text(raw.get("filename")) or ""),
        bytes=_integer(raw.get("bytes")) or 0,
        purpose=_text(raw.get("purpose")) or "",
        created_at=_integer(raw.get("created_at")),
        status=_text(raw.get("status")),
    )


def model_from(raw: Raw, account: str, provider: str, facts: ModelFacts) -> ModelInfo:
    """Return a model with its base and its end: the service's own date before the catalog's."""
    model_id = _text(raw.get("id")) or ""
    base = base_of(model_id) if is_tuned(model_id) else None
    known = facts.find(model_id, provider)
    told = _day(raw.get("shutdown_date"))
    return ModelInfo(
        account=account,
        id=model_id,
        created_at=_integer(raw.get("created")) or _integer(raw.get("created_at")),
        owned_by=safe_text(_text(raw.get("owned_by")) or ""),
        base_model=base,
        shutdown_date=told or (known.shutdown_date if known else None),
        can_train=known is not None and bool(known.can_train()),
        can_chat=_looks_like_chat(base or model_id),
        told_shutdown_date=told,
    )


_NOT_FOR_CHAT = (
    "embedding", "whisper", "tts", "dall-e", "image", "moderation", "transcribe", "realtime", "audio",
    "babbage", "davinci", "sora", "-instruct-0914", "gpt-3.5-turbo-instruct", "computer-use", "search-api",
)  # fmt: skip


def _looks_like_chat(model_id: str) -> bool:
    # The service doesn't say what a model is for; these families answer 404 to a chat.
    return not any(word in model_id.lower() for word in _NOT_FOR_CHAT)


def _method(raw: Raw) -> tuple[Method, dict[str, Any]]:
    method = _mapping(raw.get("method"))
    word = _text(method.get("type")) or "supervised"
    settings = dict(_mapping(_mapping(method.get(word)).get("hyperparameters")))
    top_level = {
        key: value for key, value in _mapping(raw.get("hyperparameters")).items() if value is not None
    }
    try:
        return Method(word), {**top_level, **settings}
    except ValueError:
        return Method.SUPERVISED, {**top_level, **settings}


def _job_error(value: object) -> JobError | None:
    error = _mapping(value)
    code, message = _text(error.get("code")), _text(error.get("message"))
    if not code and not message:
        return None  # healthy jobs carry {} or nulls
    return JobError(code, safe_text(message or code or ""), _text(error.get("param")))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _day(value: object) -> str | None:
    try:
        return date.fromisoformat(value).isoformat() if isinstance(value, str) else None
    except ValueError:
        return None


def _integer(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if abs(value) < _LARGEST_NUMBER else None


def _made_id(raw: Raw) -> str:
    content = json.dumps(raw, sort_keys=True, default=str)
    return "made-" + hashlib.sha256(content.encode()).hexdigest()[:24]
