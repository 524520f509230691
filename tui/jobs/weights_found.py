"""Which tuned models of the local engine can be taken along, in which forms, and how large they get."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tui import paths
from tui.engine.transformers_base import is_transformers_base
from tui.errors import TunedeckError
from tui.providers.profile_data import LOCAL_NAME
from tui.records.jobs import Job
from tui.remote.records import read_record

PEFT_FILES = ("adapter_config.json", "adapter_model.safetensors")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


class WeightsForm(StrEnum):
    """A form of an exported model."""

    PEFT = "peft"
    MERGED = "merged"
    GGUF = "gguf"
    OLLAMA = "ollama"


STORED_AS = {
    WeightsForm.PEFT: ("float32",),
    WeightsForm.MERGED: ("float16", "bfloat16", "float32"),
    WeightsForm.GGUF: ("f16", "q8_0", "f32"),
    WeightsForm.OLLAMA: ("f16", "q8_0", "f32"),
}
"""How the numbers of a form can be stored, the usual way first."""
BYTES_PER_WEIGHT = {"float16": 2.0, "bfloat16": 2.0, "float32": 4.0, "f16": 2.0, "q8_0": 34 / 32, "f32": 4.0}
"""q8_0 keeps blocks of 32 numbers with a factor of two bytes (ggml)."""


@dataclass(frozen=True, slots=True)
class Exportable:
    """A model whose weights lie on this machine."""

    job: Job
    model: str
    """Its name at the engine."""
    step: int | None
    """Of a checkpoint."""
    adapter: Path
    base: Path
    """The prepared base model."""

    def bytes_of(self, form: WeightsForm, stored: str) -> int:
        """Return about how large a form gets."""
        if form is WeightsForm.PEFT:
            return sum((self.adapter / name).stat().st_size for name in PEFT_FILES)
        if not self.can_be_merged:
            return 0
        weights = (self.base / "weights.safetensors").stat().st_size / 4
        return int(weights * BYTES_PER_WEIGHT[stored])

    @property
    def can_be_merged(self) -> bool:
        """False for a base model that only TRL reads: its weights can't be computed with here."""
        return not is_transformers_base(self.base)

    @property
    def folder_name(self) -> str:
        """A plain name for a folder: the suffix if the job has one, and the job's id."""
        parts = [self.job.suffix or "", self.job.id, f"step-{self.step}" if self.step is not None else ""]
        return _NOT_PLAIN.sub("-", "-".join(filter(None, parts))).strip("-.")[:120]


@dataclass(frozen=True, slots=True)
class WeightsPlan:
    """What a person agreed to write."""

    found: Exportable
    form: WeightsForm
    stored: str
    target: Path
    """Folder that gets a folder of the form's name."""


def find_exportable(job: Job, step: int | None = None) -> Exportable:
    """Return the weights of a job's model, or of its checkpoint after `step`.

    Raises:
        TunedeckError: They are not on this machine, with what can be done instead.
    """
    if read_record(job.account) is not None:
        raise TunedeckError(
            f"The weights of {job.id} are on the machine of {job.account}, not on this one.",
            f"`tunedeck engine remote run {job.account} -- export {job.id} --to FOLDER` writes them there; "
            "scp brings the folder here.",
        )
    if job.account != LOCAL_NAME:
        raise TunedeckError(
            f"The weights of {job.id} are at {job.account}, not on this machine.",
            f"Where the service gives weights out, `tunedeck archive {job.id}` fetches them.",
        )
    folder = paths.engine_job_dir(job.id)
    record = _json_object(folder / "job.json")
    base_name = Path(str(record.get("base_model") or job.model)).name
    adapter = folder / "adapter" if step is None else _checkpoint(folder, job, step)
    if not all((adapter / name).is_file() for name in PEFT_FILES):
        raise TunedeckError(
            f"The job {job.id} has no weights here.",
            "Only a job that succeeded has; a checkpoint of another is named with --checkpoint STEP.",
        )
    base = paths.base_models_dir() / base_name
    if not (base / "weights.safetensors").is_file() and not is_transformers_base(base):
        raise TunedeckError(
            f"The base model {base_name} is not on this machine any more.",
            "`tunedeck engine fetch` brings the shipped one; `tunedeck engine add PATH` any other.",
        )
    planned = str(record.get("planned_model") or job.fine_tuned_model or job.id)
    model = planned if step is None else f"{planned}:ckpt-step-{step}"
    return Exportable(job, model, step, adapter, base)


def _checkpoint(folder: Path, job: Job, step: int) -> Path:
    kept = {int(one.name.removeprefix("step-")): one for one in (folder / "checkpoints").glob("step-[0-9]*")}
    if step not in kept:
        steps = ", ".join(str(one) for one in sorted(kept)) or "none"
        raise TunedeckError(f"The job {job.id} keeps no checkpoint of step {step}.", f"Kept are: {steps}.")
    return kept[step]


def _json_object(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
