"""Together's answers in our words; any field may be missing, null or of another type.

Shapes after together 3.1.1 (its types) and docs.together.ai, read 2026-11-29.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tui.providers.metric_rows import digest, row_values, unix_seconds
from tui.providers.together.request import user_suffix
from tui.providers.translate import STATES
from tui.records.jobs import Checkpoint, Job, JobError, JobEvent, JobState, Method
from tui.records.requests import RemoteFile
from tui.safe_text import safe_text

Raw = Mapping[str, Any]

_STATES = {**STATES, "pending": JobState.PREPARING}
_SETTINGS = (
    "n_epochs", "n_evals", "n_checkpoints", "batch_size", "learning_rate", "warmup_ratio", "weight_decay",
    "max_grad_norm", "max_seq_length", "packing", "from_checkpoint",
)  # fmt: skip
_FILE_STATES = {"failed": "error", "invalid_format": "error", "completed": "processed"}
_METRIC_PREFIX = "metrics-"
_LARGEST_NUMBER = 2**53


def job_from(raw: Raw, account: str, run_metadata: Mapping[str, str] | None = None) -> Job:
    """Return a job; its own name of the model counts once it has succeeded, for it is given from the start.

    Args:
        raw: Together's answer.
        account: Who owns it.
        run_metadata: What is known to belong to it; Together keeps no metadata.
    """
    status = _text(raw.get("status")) or ""
    state = _STATES.get(status.lower(), JobState.OTHER)
    method = _mapping(raw.get("training_method"))
    output_name = _text(raw.get("model_output_name"))
    return Job(
        account=account,
        id=_text(raw.get("id")) or "",
        state=state,
        raw_status=status or "unknown",
        model=_text(raw.get("model")) or "",
        method=Method.DPO if method.get("method") == "dpo" else Method.SUPERVISED,
        created_at=unix_seconds(raw.get("created_at")),
        finished_at=unix_seconds(raw.get("updated_at")) if state.is_final else None,
        estimated_finish=None if state.is_final else _estimated_finish(raw),
        fine_tuned_model=output_name if state is JobState.SUCCEEDED else None,
        training_file=_text(raw.get("training_file")),
        validation_file=_text(raw.get("validation_file")),
        trained_tokens=_integer(raw.get("token_count")),
        hyperparameters=_settings(raw, method),
        seed=_integer(raw.get("random_seed")),
        suffix=user_suffix(_text(raw.get("suffix")) or "") or None,
        metadata=dict(run_metadata or {}),
        error=_error(raw, status) if state is JobState.FAILED else None,
        raw=dict(raw),
    )


def events_from(entries: Iterable[Raw], job_id: str) -> list[JobEvent]:
    """Return events oldest first; Together gives them no ids, so each gets one made from what it says."""
    found = [_event(raw, job_id) for raw in entries]
    return sorted(found, key=lambda event: event.created_at)


def metric_events(rows: Iterable[Raw], events: Sequence[JobEvent], job_id: str) -> list[JobEvent]:
    """Return the rows of the metrics route as events, one for each row that has a step.

    The rows bear no time: each gets that of the last event before its step, which keeps it in its place.
    """
    totals = [total for event in events if isinstance(total := event.data.get("total_steps"), int)]
    found = []
    for raw in rows:
        values, step = row_values(raw)
        if step is None or not values:
            continue
        data: dict[str, Any] = {"step": step, **values}
        if totals:
            data["total_steps"] = max(totals)
        message = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        found.append(JobEvent(
            f"{_METRIC_PREFIX}{step}-{digest(sorted(values.items()))}", job_id, _time_before(step, events),
            "info", f"Step {step}: {message}", "metrics", data,
        ))  # fmt: skip
    return found


def step_of_metric(event_id: str | None) -> int | None:
    """Return the step of an event that `metric_events` made; None for any other id."""
    word = (event_id or "").removeprefix(_METRIC_PREFIX).split("-")[0]
    return int(word) if event_id and event_id.startswith(_METRIC_PREFIX) and word.isdecimal() else None


def checkpoints_from(entries: Iterable[Raw], job_id: str) -> list[Checkpoint]:
    """Return checkpoints, newest first, one for each step; a new job goes on from one named `JOB:STEP`."""
    found: dict[int, Checkpoint] = {}
    for raw in entries:
        step = _integer(raw.get("step"))
        if step is None or (step in found and raw.get("checkpoint") == "adapter"):
            continue  # a final step has two artefacts, the adapter and the merged model
        found[step] = Checkpoint(
            f"{job_id}:{step}", job_id, _text(raw.get("object_name")) or "", step,
            unix_seconds(raw.get("created_at")),
        )  # fmt: skip
    return [found[step] for step in sorted(found, reverse=True)]


def file_from(raw: Raw) -> RemoteFile:
    """Return a file; its status is "error" when the service's check has refused it."""
    status = (_text(raw.get("processing_status")) or "").lower()
    return RemoteFile(
        _text(raw.get("id")) or "", safe_text(_text(raw.get("filename")) or ""),
        _integer(raw.get("bytes")) or 0, _text(raw.get("purpose")) or "", unix_seconds(raw.get("created_at")),
        _FILE_STATES.get(status, status) or None,
    )  # fmt: skip


def _event(raw: Raw, job_id: str) -> JobEvent:
    data = {
        name: value
        for name in ("total_steps", "checkpoint_path", "wandb_url", "model_path")
        if (value := raw.get(name)) not in (None, "", 0)
    }
    message, kind = safe_text(_text(raw.get("message")) or ""), _text(raw.get("type")) or "message"
    step = _integer(raw.get("step"))
    if step:
        # Not as "step", under which numbers are filed as metrics.
        data["at_step"] = step
    level = (_text(raw.get("level")) or "info").removeprefix("legacy_i").removeprefix("legacy_")
    known = level if level in ("info", "warning", "error") else "info"
    marks = (raw.get("created_at"), kind, message, step)
    return JobEvent(
        f"made-{digest(marks)}", job_id, unix_seconds(raw.get("created_at")) or 0, known,
        message or kind.replace("_", " "), kind, data,
    )  # fmt: skip


def _time_before(step: int, events: Sequence[JobEvent]) -> int:
    earlier = [event.created_at for event in events if event.data.get("at_step", 0) <= step]
    begun = [event.created_at for event in events if event.type == "training_start"]
    stepped = [event.created_at for event in events if 0 < event.data.get("at_step", 0) <= step]
    return max(stepped or begun or earlier[:1] or [0])


def _settings(raw: Raw, method: Raw) -> dict[str, Any]:
    shown = {name: raw[name] for name in _SETTINGS if raw.get(name) not in (None, "")}
    beside = {**method, **_mapping(raw.get("training_type"))}
    shown |= {name: value for name, value in beside.items() if name != "method" and value is not None}
    return shown


def _estimated_finish(raw: Raw) -> int | None:
    progress = _mapping(raw.get("progress"))
    seconds, moment = _integer(progress.get("seconds_remaining")), unix_seconds(raw.get("updated_at"))
    if not progress.get("estimate_available") or seconds is None or moment is None:
        return None
    # Taken as counted from the last change of the job (assumed 2026-11-29; the documentation does not say).
    return moment + seconds


def _error(raw: Raw, status: str) -> JobError:
    events = raw.get("events")
    for event in reversed(events if isinstance(events, list) else []):
        kind = _mapping(event).get("type")
        if kind in ("job_error", "billing_limit") and (message := _text(event.get("message"))):
            return JobError(str(kind), safe_text(message))
    return JobError(status, "Together ended the job with an error; its events say more.")


def _mapping(value: object) -> Raw:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _integer(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if abs(value) < _LARGEST_NUMBER else None
