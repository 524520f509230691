"""What a run says while it goes: events, checkpoints, progress; each exactly once over restarts."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tui.engine.atomic_files import write_json_atomically
from tui.engine.run_folder import PROGRESS, append_event, metrics_by_step, read_events
from tui.engine.trainers.protocol import BatchMetrics, Trainer
from tui.engine.trainers.schedule import Schedule

CHECKPOINTS_KEPT = 3
"""As OpenAI does (2026-11)."""


class RunLog:
    """Writes events, progress and checkpoints of one run folder.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trained_tokens = 0
        """Tokens of all steps so far, kept right over restarts by the run."""
        self._measured = metrics_by_step(folder)
        self._said = {event.get("message") for event in read_events(folder)}

    @property
    def last_step(self) -> int:
        """The last step whose metrics are written."""
        return max(self._measured, default=0)

    def say(self, message: str, *, level: str = "info", data: Mapping[str, Any] | None = None) -> None:
        """Append a message."""
        append_event(self.folder, message, level=level, data=data)

    def say_once(self, message: str, *, level: str = "info", data: Mapping[str, Any] | None = None) -> None:
        """Append a message unless an earlier start of this run already did."""
        if message not in self._said:
            self._said.add(message)
            self.say(message, level=level, data=data)

    def metrics(self, step: int, total: int, values: Mapping[str, float]) -> Mapping[str, Any]:
        """Append a step's metrics unless they are there, and return what is there."""
        if step not in self._measured:
            data = {"step": step, "total_steps": total, **values}
            append_event(self.folder, _headline(step, total, values), kind="metrics", data=data)
            self._measured[step] = data
        return self._measured[step]

    def checkpoint(self, step: int, trainer: Trainer, values: Mapping[str, Any], model: str) -> Path:
        """Write a checkpoint unless it is there, keep the last three, and return its folder."""
        parent = self.folder / "checkpoints"
        parent.mkdir(exist_ok=True)
        target = parent / f"step-{step:06d}"
        if not (target / "checkpoint.json").exists():
            metrics = {key: value for key, value in values.items() if key not in ("step", "total_steps")}
            name = f"{model}:ckpt-step-{step}"
            description = {
                "id": f"ftckpt_{secrets.token_hex(12)}",
                "step_number": step,
                "created_at": int(time.time()),
                "metrics": {"step": step, **metrics},
                "fine_tuned_model_checkpoint": name,
            }
            _write_whole_adapter(target, trainer, description)
            self.say_once(f"Checkpoint created at step {step}", data={"step": step, "checkpoint": name})
        for old in sorted(parent.glob("step-*"))[:-CHECKPOINTS_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        return target

    def progress(self, step: int, schedule: Schedule, seconds_left: float | None) -> None:
        """Replace progress.json; nothing is said of the end before a step has been timed."""
        now = time.time()
        write_json_atomically(
            self.folder / PROGRESS,
            {
                "step": step,
                "total_steps": schedule.total_steps,
                "trained_tokens": self.trained_tokens,
                "estimated_finish": None if seconds_left is None else int(now + seconds_left),
                "updated_at": int(now),
                "resolved_hyperparameters": schedule.settings.as_json(),
                "pid": os.getpid(),
            },
        )


def publish_adapter(checkpoint: Path, target: Path) -> None:
    """Copy the last checkpoint's adapter to where finished models are looked for; whole or not at all."""
    temporary = target.with_name(f".{target.name}-{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        shutil.copytree(checkpoint, temporary, ignore=shutil.ignore_patterns("checkpoint.json"))
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def named(prefix: str, metrics: BatchMetrics) -> dict[str, float]:
    """Return a batch's numbers under the names events use; `prefix` is train, valid or full_valid."""
    values = {f"{prefix}_loss": round(metrics.loss, 6)}
    if metrics.token_accuracy is not None:
        values[f"{prefix}_mean_token_accuracy"] = round(metrics.token_accuracy, 6)
    start = "" if prefix == "train" else f"{prefix}_"
    return values | {f"{start}{key}": round(value, 6) for key, value in metrics.extras.items()}


def _headline(step: int, total: int, values: Mapping[str, float]) -> str:
    parts = [f"training loss={values['train_loss']:.2f}"]
    if "valid_loss" in values:
        parts.append(f"validation loss={values['valid_loss']:.2f}")
    if "full_valid_loss" in values:
        parts.append(f"full validation loss={values['full_valid_loss']:.2f}")
    return f"Step {step}/{total}: {', '.join(parts)}"


def _write_whole_adapter(target: Path, trainer: Trainer, description: Mapping[str, Any]) -> None:
    """Write the adapter beside its place, then rename: a checkpoint in the list is always complete."""
    temporary = target.with_name(f".{target.name}-{os.getpid()}")
    try:
        trainer.save_adapter(temporary)
        write_json_atomically(temporary / "checkpoint.json", description)
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
