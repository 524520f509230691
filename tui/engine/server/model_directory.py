"""Which model names exist, and where their weights are."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.engine.api_errors import ApiError
from tui.engine.atomic_files import read_json_object
from tui.engine.server.base_model_shelf import DEFAULT_BASE_MODEL, BaseModelShelf
from tui.engine.server.job_record import ORGANIZATION, JobRecord
from tui.engine.server.job_store import JobStore

CHECKPOINT_MARK = ":ckpt-step-"


@dataclass(frozen=True, slots=True)
class ModelPlace:
    """A model by name: its base, and the adapter on top of it."""

    id: str
    base_model: str
    adapter_folder: Path | None


class ModelDirectory:
    """Base models of the shelf, tuned models and checkpoints of the jobs."""

    def __init__(self, shelf: BaseModelShelf, jobs: JobStore) -> None:
        self.shelf = shelf
        """The base models."""
        self._jobs = jobs

    def all(self) -> list[dict[str, Any]]:
        """Return the model objects: base models, then tuned ones, newest first."""
        bases = [self._base_object(name) for name in self.shelf.names()]
        return bases + [_tuned_object(record) for record in self._tuned()]

    def get(self, name: str) -> dict[str, Any]:
        """Return one model object; checkpoints have one too.

        Raises:
            ApiError: 404 when there is no such model.
        """
        if self.shelf.folder(name) is not None:
            return self._base_object(name)
        place, record = self._adapter(name)
        return _tuned_object(record) | {"id": place.id}

    def place(self, name: str) -> ModelPlace:
        """Return where a model lies whose files are all here; who can answer with it is another question.

        Raises:
            ApiError: 404 when there is none; 503 when its base model is still on its way.
        """
        if self.shelf.folder(name) is not None:
            place = ModelPlace(name, name, None)
        elif name == DEFAULT_BASE_MODEL:
            raise self._not_ready(name)
        else:
            place = self._adapter(name)[0]
        if self.shelf.folder(place.base_model) is None:
            raise self._not_ready(place.base_model)
        return place

    def for_training(self, name: str) -> ModelPlace:
        """Return what a job with this `model` starts from.

        Raises:
            ApiError: 400 when this engine can't tune it; the text names what it can.
        """
        if self.shelf.is_gguf(name):
            raise ApiError(
                400,
                f"The base model {name} is a GGUF file that only llama.cpp reads: it answers, and can't be "
                "tuned here. Add the model's folder of Hugging Face's layout to tune it.",
                param="model",
                code="model_not_available",
            )
        if self.shelf.is_known(name):
            return ModelPlace(name, name, None)
        try:
            return self._adapter(name)[0]
        except ApiError:
            offer = self.shelf.preferred() or DEFAULT_BASE_MODEL
            raise ApiError(
                400,
                f"Model {name[:120]} is not available for fine-tuning or does not exist on this local "
                f"engine. Use '{offer}', or one of your own tuned models of it.",
                param="model",
                code="model_not_available",
            ) from None

    def fetch_if_missing(self, base_model: str) -> None:
        """Begin to fetch the default base model when a job needs it and it is not here."""
        if base_model == DEFAULT_BASE_MODEL:
            self.shelf.start_fetch()

    def delete(self, name: str) -> list[ModelPlace]:
        """Delete a tuned model with its checkpoints, and return what could be asked until now.

        Raises:
            ApiError: 404 when there is none, 403 for a base model.
        """
        if self.shelf.folder(name) is not None:
            raise ApiError(
                403,
                f"'{name}' is a base model of this machine; `tunedeck engine remove {name}` deletes it.",
                param="model",
                code="not_a_tuned_model",
            )
        record = next((record for record in self._tuned() if record.planned_model == name), None)
        if record is None:
            raise _not_found(name, self.shelf.preferred())
        self._jobs.change(record.id, lambda job: setattr(job, "model_deleted", True))
        folder = self._jobs.folder(record.id)
        gone = [ModelPlace(name, record.base_model, folder / "adapter")]
        for checkpoint in self._checkpoint_folders(record.id):
            step = checkpoint.name.removeprefix("step-").lstrip("0")
            gone.append(ModelPlace(f"{name}{CHECKPOINT_MARK}{step}", record.base_model, checkpoint))
        for part in ("adapter", "checkpoints", "state", "start_adapter"):
            shutil.rmtree(folder / part, ignore_errors=True)
        return gone

    def checkpoints(self, job_id: str) -> list[dict[str, Any]]:
        """Return a job's checkpoint objects, newest step first."""
        found = []
        for folder in self._checkpoint_folders(job_id):
            value = read_json_object(folder / "checkpoint.json")
            if value is not None and isinstance(value.get("step_number"), int):
                shown = {"object": "fine_tuning.job.checkpoint", "fine_tuning_job_id": job_id, **value}
                found.append(shown)
        return sorted(found, key=lambda value: int(value["step_number"]), reverse=True)

    def _checkpoint_folders(self, job_id: str) -> list[Path]:
        folder = self._jobs.folder(job_id) / "checkpoints"
        if not folder.is_dir():
            return []
        return [entry for entry in folder.iterdir() if entry.name.startswith("step-")]

    def _tuned(self) -> list[JobRecord]:
        return [
            record for record in self._jobs.all() if record.status == "succeeded" and not record.model_deleted
        ]

    def _adapter(self, name: str) -> tuple[ModelPlace, JobRecord]:
        wanted, mark, step = name.partition(CHECKPOINT_MARK)
        for record in self._jobs.all():
            if record.planned_model != wanted or not wanted or record.model_deleted:
                continue
            folder = self._jobs.folder(record.id)
            if not mark and record.status == "succeeded" and (folder / "adapter").is_dir():
                return ModelPlace(name, record.base_model, folder / "adapter"), record
            for checkpoint in self._checkpoint_folders(record.id) if mark else []:
                number = checkpoint.name.removeprefix("step-")
                if number.isdigit() and step.isdigit() and int(number) == int(step[:18]):
                    return ModelPlace(name, record.base_model, checkpoint), record
        raise _not_found(name, self.shelf.preferred())

    def _base_object(self, name: str) -> dict[str, Any]:
        return {
            "id": name,
            "object": "model",
            "created": self.shelf.created_at(name),
            "owned_by": "system",
            "shutdown_date": None,
        }

    def _not_ready(self, name: str) -> ApiError:
        state = self.shelf.state()
        self.shelf.start_fetch()
        detail = {
            "downloading": f"is being downloaded ({state.done_bytes} of {state.total_bytes} bytes)",
            "preparing": "is being unpacked",
            "failed": f"could not be fetched: {state.error}",
        }.get(state.state, "is not on this machine yet; run `tunedeck engine fetch`")
        return ApiError(
            503,
            f"The base model {name} {detail}.",
            type="service_unavailable_error",
            param="model",
            code="base_model_not_ready",
        )


def _tuned_object(record: JobRecord) -> dict[str, Any]:
    return {
        "id": record.planned_model,
        "object": "model",
        "created": record.finished_at or record.created_at,
        "owned_by": ORGANIZATION,
        "shutdown_date": None,
    }


def _not_found(name: str, offer: str | None) -> ApiError:
    return ApiError(
        404,
        f"The model `{name[:120]}` does not exist on this local engine. "
        f"Its base model is `{offer or DEFAULT_BASE_MODEL}`; GET /v1/models lists all.",
        param="model",
        code="model_not_found",
    )
