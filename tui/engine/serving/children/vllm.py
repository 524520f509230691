"""vLLM as a back end: base models of transformers' layout on a GPU, with adapters loaded by name.

What is said of vLLM here was read in the source of 0.33 (2026-11-21); on a GPU it has not been run yet.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tui.engine.environments.gpus import nvidia_gpus
from tui.engine.environments.kept import find_environment, why_not
from tui.engine.server.base_model_shelf import BaseModelShelf
from tui.engine.server.model_directory import ModelPlace
from tui.engine.serving.children.plans import AdapterPlan, ChildPlan
from tui.engine.transformers_base import is_transformers_base

ENVIRONMENT = "vllm"
LARGEST_RANK = 64
"""Of the adapters it makes room for; one of vLLM's own steps (8, 16, 32, 64, 128 …)."""
START_SECONDS = 1200.0
"""Reading weights and compiling takes minutes for a large model."""


class Vllm:
    """Answers by vLLM's own server, one for each base model.

    Args:
        shelf: The base models.
        python: Finds the Python that has vLLM; None where there is none.
        gpus: Names the GPUs of this machine.
    """

    name = ENVIRONMENT

    def __init__(
        self,
        shelf: BaseModelShelf,
        python: Callable[[], Path | None] | None = None,
        gpus: Callable[[], tuple[str, ...]] = nvidia_gpus,
    ) -> None:
        self._shelf = shelf
        self._python = python or _python_with_vllm
        self._gpus = gpus

    def why_not(self, place: ModelPlace) -> str | None:
        """Return why it can't answer for a model, or None when it can; empty of a kind it never reads."""
        base = self._shelf.folder(place.base_model)
        if base is None or not is_transformers_base(base):
            return ""
        if not self._gpus():
            return "vLLM could answer with it on an NVIDIA GPU, and nvidia-smi names none on this machine."
        if self._python() is None:
            return f"vLLM answers with it: {why_not(ENVIRONMENT) or ''}".rstrip(": ")
        return None

    def plan(self, place: ModelPlace) -> tuple[ChildPlan, AdapterPlan | None]:
        """Return the child of the base model, and the adapter by its model's name."""
        base, python = self._shelf.folder(place.base_model), self._python()
        assert base is not None
        assert python is not None

        def command(port: int) -> list[str]:
            return [
                "-m", "vllm.entrypoints.openai.api_server", "--model", str(base),
                "--served-model-name", place.base_model, "--host", "127.0.0.1", "--port", str(port),
                "--enable-lora", "--max-lora-rank", str(LARGEST_RANK),
            ]  # fmt: skip

        environment = {
            "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
            "VLLM_NO_USAGE_STATS": "1",
            "HF_HUB_OFFLINE": "1",  # everything is in the folder
        }
        child = ChildPlan(
            f"vllm:{place.base_model}", f"vLLM ({place.base_model})", python, command, "VLLM_API_KEY",
            environment, START_SECONDS,
        )  # fmt: skip
        adapter = AdapterPlan(place.id, place.adapter_folder) if place.adapter_folder is not None else None
        return child, adapter

    def request_body(self, path: str, body: dict[str, Any], place: ModelPlace) -> dict[str, Any]:
        """Return the body as it came: vLLM checks it itself, and says what it does not do."""
        return {**body, "model": place.id}


def _python_with_vllm() -> Path | None:
    found = find_environment(ENVIRONMENT)
    return found.python if found is not None else None
