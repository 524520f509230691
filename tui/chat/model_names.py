"""Names of tuned models and of jobs, short enough for a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.records.model_names import base_of

if TYPE_CHECKING:
    from tui.records.jobs import Job

TUNED_PREFIX = "ft"
_TUNED_PARTS = 5
_NEBIUS, _ID_END = "-LoRa:", 6


def short_model_name(model: str) -> str:
    """Return the part of a model's name that tells tuned models of one base apart.

    `ft:base:organisation:suffix:id` becomes `suffix:id` (`base:id` without a suffix), Azure's `base.ft-id`
    `base:id` with the end of the id, Nebius' `base-LoRa:name` `name`; any other name stays.
    """
    base = base_of(model)
    if base != model and not model.startswith(f"{TUNED_PREFIX}:"):
        rest = model.removeprefix(base)
        return rest.removeprefix(_NEBIUS) if rest.startswith(_NEBIUS) else f"{base}:{rest[-_ID_END:]}"
    parts = model.split(":", _TUNED_PARTS - 1)
    if len(parts) < _TUNED_PARTS or parts[0] != TUNED_PREFIX:
        return model
    _, base, _, suffix, identity = parts
    return f"{suffix or base}:{identity}"


def job_title(job: Job) -> str:
    """Return the shortest name that tells a job apart: what it makes, else its suffix, else its id."""
    if job.fine_tuned_model:
        return short_model_name(job.fine_tuned_model)
    return job.suffix or job.id


def numbered_names(names: Sequence[str]) -> list[str]:
    """Return names that can be told apart: those that stand there twice get their place behind them."""
    return [
        f"{name} ({place})" if names.count(name) > 1 else name for place, name in enumerate(names, 1)
    ]  # fmt: skip
