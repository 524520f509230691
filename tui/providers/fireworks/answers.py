"""Fireworks' answers in our words; any field may be missing, null or of another type.

Shapes after fireworks-ai 1.2.30 (its types) and docs.fireworks.ai, read 2026-11-29.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tui.providers.fireworks.request import DPO, run_of_job_id, settings_from
from tui.providers.metric_rows import digest, row_values, unix_seconds
from tui.providers.translate import STATES
from tui.records.jobs import ESTIMATED_COST, PROGRESS, Job, JobError, JobEvent, JobState, Method
from tui.records.requests import RUN_ID_KEY, RemoteFile
from tui.safe_text import safe_text

Raw = Mapping[str, Any]

_PREFIX = "job_state_"
_STATES = {
    **STATES, "re_queueing": JobState.QUEUED, "creating_input_dataset": JobState.PREPARING,
    "pending": JobState.QUEUED,
}  # fmt: skip
_NANO = Decimal(10) ** -9
_NO_TROUBLE = ("OK", "", None)


def job_from(raw: Raw, account: str) -> Job:
    """Return a job; one of another route than supervised has it in its id, as in `dpoJobs/ID`."""
    word = str(raw.get("state") or "")
    state = _STATES.get(word.lower().removeprefix(_PREFIX), JobState.OTHER)
    parts = str(raw.get("name") or "").split("/")
    short = parts[-1]
    dpo = DPO in parts
    config = raw.get("trainingConfig")
    settings = {**raw, **(config if isinstance(config, Mapping) else {})}
    run_id = run_of_job_id(short)
    output = _text(settings.get("outputModel")) or (
        "/".join([*parts[:2], "models", short]) if short else None
    )
    return Job(
        account=account,
        id=f"{DPO}/{short}" if dpo and short else short,
        state=state,
        raw_status=word or "unknown",
        model=_text(settings.get("baseModel")) or _text(settings.get("warmStartFrom")) or "",
        method=Method.DPO if dpo else Method.SUPERVISED,
        created_at=unix_seconds(raw.get("createTime")),
        finished_at=unix_seconds(raw.get("completedTime")) or unix_seconds(raw.get("updateTime"))
        if state.is_final else None,
        fine_tuned_model=output if state is JobState.SUCCEEDED else None,
        training_file=_short(raw.get("dataset")),
        validation_file=_short(raw.get("evaluationDataset")),
        hyperparameters=settings_from(settings),
        suffix=_text(raw.get("displayName")),
        metadata={RUN_ID_KEY: run_id} if run_id else {},
        error=_error(raw, word) if state is JobState.FAILED else None,
        # Signed addresses let anyone read; they are not kept.
        raw={key: value for key, value in raw.items() if not str(key).endswith("SignedUrl")},
    )  # fmt: skip


def events_from(raw: Raw, job_id: str) -> list[JobEvent]:
    """Return what a look at a job tells, as events: Fireworks has none.

    Each state, each percent and each estimate is one event with an id of its own, however often it is seen.
    """
    moment = unix_seconds(raw.get("updateTime")) or unix_seconds(raw.get("createTime")) or 0
    found = []

    def add(name: str, message: str, kind: str = "message", **data: Any) -> None:
        found.append(JobEvent(f"made-{name}", job_id, moment, "info", safe_text(message), kind, data))

    price = estimated_cost(raw)
    if price is not None:
        add(
            f"cost-{digest(price)}", f"Fireworks estimates {price[0]:,.2f} {price[1]}", ESTIMATED_COST,
            amount=str(price[0]), currency=price[1],
        )  # fmt: skip
    word = str(raw.get("state") or "")
    if word:
        add(f"state-{word}", word.lower().removeprefix(_PREFIX).replace("_", " ").capitalize(), "state")
    progress = raw.get("jobProgress")
    percent = progress.get("percent") if isinstance(progress, Mapping) else None
    if isinstance(percent, int) and not isinstance(percent, bool):
        epoch = progress.get("epoch") if isinstance(progress, Mapping) else None
        add(f"progress-{epoch}-{percent}", f"{percent} %, epoch {epoch or 0}", PROGRESS, percent=percent)
    return found


def metric_events(content: bytes, job_id: str, moment: int) -> list[JobEvent]:
    """Return the rows of a metrics file as events; lines that are no rows are left out.

    Args:
        content: JSON lines with step, timestamp and data, or all in one.
        job_id: Whose it is.
        moment: Unix second for rows without a time.
    """
    found = []
    for line in content.decode("utf-8", "replace").splitlines():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(row, Mapping):
            continue
        inner = row.get("data")
        values, step = row_values({**(inner if isinstance(inner, Mapping) else {}), **row})
        if step is None or not values:
            continue
        words = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        found.append(JobEvent(
            f"metrics-{step}-{digest(sorted(values.items()))}", job_id,
            unix_seconds(row.get("timestamp")) or moment, "info", f"Step {step}: {words}", "metrics",
            {"step": step, **values},
        ))  # fmt: skip
    return found


def estimated_cost(raw: Raw) -> tuple[Decimal, str] | None:
    """Return the service's own estimate and its currency, or None."""
    told = raw.get("estimatedCost")
    if not isinstance(told, Mapping):
        return None
    try:
        amount = Decimal(str(told.get("units") or 0)) + Decimal(int(told.get("nanos") or 0)) * _NANO
    except (ArithmeticError, ValueError, TypeError):
        return None
    return (amount, str(told.get("currencyCode") or "USD")) if amount.is_finite() and amount else None


def file_from(raw: Raw) -> RemoteFile:
    """Return a dataset as a file; the service tells no size, so it is 0."""
    return RemoteFile(
        _short(raw.get("name")) or "", safe_text(_text(raw.get("displayName")) or ""), 0, "fine-tune",
        unix_seconds(raw.get("createTime")), "error" if trouble_of(raw) else _text(raw.get("state")),
    )  # fmt: skip


def trouble_of(raw: Raw) -> str | None:
    """Return what the status of a dataset or job says is wrong, or None."""
    status = raw.get("status")
    if not isinstance(status, Mapping) or status.get("code") in _NO_TROUBLE:
        return None
    return safe_text(str(status.get("message") or status.get("code")))


def _error(raw: Raw, word: str) -> JobError:
    status = raw.get("status")
    code = _text(status.get("code")) if isinstance(status, Mapping) else None
    return JobError(code or word, trouble_of(raw) or "Fireworks ended the job without saying why.")


def _short(value: object) -> str | None:
    return value.split("/")[-1] or None if isinstance(value, str) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
