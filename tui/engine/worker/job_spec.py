"""What the server asks of the worker: spec.json of a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.engine.atomic_files import read_json_object
from tui.errors import TunedeckError


@dataclass(frozen=True, slots=True)
class JobSpec:
    """One job, resolved but for hyperparameters left to "auto"."""

    folder: Path
    job_id: str
    method: str
    """"supervised" or "dpo"."""
    base_model_folder: Path
    start_adapter: Path | None
    """An adapter to go on from."""
    hyperparameters: Mapping[str, Any]
    seed: int
    fine_tuned_model: str
    max_tokens_per_example: int
    training_file: Path
    validation_file: Path | None
    load_in_4bit: bool = False
    """QLoRA: the frozen weights in 4 bits; TRL only."""


def read_spec(folder: Path) -> JobSpec:
    """Read spec.json.

    Raises:
        TunedeckError: It is missing or lacks something.
    """
    data = read_json_object(folder / "spec.json")
    if data is None:
        raise TunedeckError(f"{folder} has no readable spec.json.")
    try:
        validation, adapter = data.get("validation_file"), data.get("start_adapter")
        method = str(data.get("method", "supervised"))
        if method not in ("supervised", "dpo"):
            raise TunedeckError(f"The local engine has no method {method!r}.")
        return JobSpec(
            folder=folder,
            job_id=str(data["job_id"]),
            method=method,
            base_model_folder=Path(data["base_model_folder"]),
            start_adapter=Path(adapter) if adapter else None,
            hyperparameters=data.get("hyperparameters") or {},
            seed=int(data["seed"]),
            fine_tuned_model=str(data["fine_tuned_model"]),
            max_tokens_per_example=int(data.get("max_tokens_per_example") or 1024),
            training_file=folder / data["training_file"],
            validation_file=folder / validation if validation else None,
            load_in_4bit=data.get("load_in_4bit") is True,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise TunedeckError(f"spec.json of {folder.name} is incomplete: {error}.") from error
