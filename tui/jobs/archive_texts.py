"""What is written into the copy of a job: plain text, JSON, JSON lines and CSV."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tui.jobs.diagnosis import Diagnosis, diagnose_job
from tui.jobs.metrics import progress_from, series_from
from tui.records.jobs import Checkpoint, Job, JobEvent
from tui.safe_text import safe_line
from tui.store.launch_rows import LaunchRecord

_ABOUT = {
    "job.json": "the job as the service described it last, and what was launched at which price",
    "events.jsonl": "every event, oldest first, one JSON object per line; created_at in Unix seconds",
    "metrics.csv": "every number by step, from events and result files together; empty: not measured",
    "checkpoints.json": "the checkpoints, newest step first, with the names to chat with",
    "training.jsonl": "the training file, one example per line",
    "validation.jsonl": "the validation file, one example per line",
    "adapter/adapter_model.safetensors": "the weights: a LoRA adapter in the format of PEFT",
    "adapter/weights.tar.zst": "the weights: an archive that `tar --zstd -xf` unpacks",
    "adapter/weights.tar.gz": "the weights: an archive that `tar -xf` unpacks",
    "adapter/adapter_config.json": "what the weights are for",
}


def json_bytes(value: Any) -> bytes:
    """Return a value as indented JSON in UTF-8."""
    return (json.dumps(value, indent=2, default=str) + "\n").encode()


def job_text(job: Job, launch: LaunchRecord | None) -> bytes:
    """Return a job and the launch that made it."""
    fields = {
        entry.name: getattr(job, entry.name) for entry in dataclasses.fields(job) if entry.name != "error"
    }
    fields |= {"error": job.error._asdict() if job.error else None}
    made = None
    if launch is not None:
        made = {
            "run_id": launch.run_id, "request": launch.request, "price": launch.price,
            "dataset": str(launch.dataset_path), "dataset_sha256": launch.dataset_sha256,
            "confirmed_at": launch.created_at,
        }  # fmt: skip
    return json_bytes({**_plain(fields), "launch": _plain(made)})


def events_text(events: Sequence[JobEvent]) -> bytes:
    """Return events as JSON lines."""
    lines = (json.dumps(_plain(event._asdict()), default=str) for event in events)
    return "".join(line + "\n" for line in lines).encode()


def checkpoints_text(checkpoints: Sequence[Checkpoint]) -> bytes:
    """Return checkpoints as a JSON list."""
    return json_bytes([_plain(one._asdict()) for one in checkpoints])


def metrics_text(metrics: Mapping[int, Mapping[str, float]]) -> bytes:
    """Return the numbers of every step as CSV, known names first."""
    names = list(series_from(metrics))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["step", *names])
    for step in sorted(metrics):
        writer.writerow(
            [step, *(repr(metrics[step][name]) if name in metrics[step] else "" for name in names)]
        )
    return buffer.getvalue().encode()


def diagnosis_of(
    job: Job, metrics: Mapping[int, Mapping[str, float]], events: Sequence[JobEvent]
) -> Diagnosis | None:
    """Return what the job's curves say."""
    progress = progress_from(events)
    return diagnose_job(job, metrics, progress.total_steps if progress else None)


def readme_text(
    job: Job, names: Sequence[str], missing: Sequence[tuple[str, str]], found: Diagnosis | None
) -> bytes:
    """Return the page that tells a person what lies here."""
    lines = [f"Fine-tuning job {safe_line(job.id)}", "=" * (17 + len(safe_line(job.id)))]
    lines += [f"{name}: {safe_line(str(value), 400)}" for name, value in _facts(job) if value]
    if found is not None:
        lines += ["", f"Curves: {found.sentence} {found.advice}".rstrip()]
    lines += ["", "Files", "-----"]
    lines += [f"{name}: {_about(name)}" for name in names]
    lines += [f"{safe_line(what)}: missing. {safe_line(why, 300)}" for what, why in missing]
    lines += ["manifest.json: sizes and SHA-256 of all of these; it is written last", ""]
    return "\n".join(lines).encode("utf-8", "backslashreplace")


def _about(name: str) -> str:
    if name.startswith("result-"):
        return "a result file as the service gave it: CSV, from some services in base64"
    return _ABOUT.get(name, "part of the weights")


def _facts(job: Job) -> list[tuple[str, object]]:
    return [
        ("Account", job.account), ("State", f"{job.state} ({job.raw_status})"), ("Base model", job.model),
        ("Method", job.method), ("Tuned model", job.fine_tuned_model), ("Created", _moment(job.created_at)),
        ("Finished", _moment(job.finished_at)), ("Trained tokens", job.trained_tokens),
        ("Hyperparameters", ", ".join(f"{name} {value}" for name, value in job.hyperparameters.items())),
        ("Seed", job.seed), ("Error", job.error.message if job.error else None),
    ]  # fmt: skip


def _moment(seconds: int | None) -> str:
    if seconds is None:
        return ""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return str(seconds)


def _plain(value: Any) -> Any:
    """Return nested mappings and sequences as dicts and lists, which JSON knows."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
