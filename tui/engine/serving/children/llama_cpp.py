"""llama.cpp as a back end: users' GGUF files, and our own base models with adapters where that is wanted."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from tui.engine.api_errors import ApiError
from tui.engine.environments.kept import find_environment, why_not
from tui.engine.gguf_base import FILE, is_gguf_base
from tui.engine.server.base_model_shelf import BaseModelShelf, is_prepared
from tui.engine.server.body_errors import parse_body
from tui.engine.server.model_directory import ModelPlace
from tui.engine.serving.children import llama_cpp_server
from tui.engine.serving.children.plans import CHAT, NOT_DONE, AdapterPlan, ChildPlan

ENVIRONMENT = "llamacpp"
MAX_CONTEXT = 8192
"""Tokens that are kept of all answers together: a model's own 128 K would take gigabytes of memory."""
QUANTISATION = "q8_0"
"""How the embedded engine's base models are written for it: 145 MB for the 135M base."""
EXPORTED = ".gguf"
"""Folder of those, beside the base models; no model's name begins with a dot."""
_PLAIN_SAMPLING = {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0}
"""OpenAI's defaults; llama.cpp's own would make the same request answer otherwise."""


class LlamaCpp:
    """Answers by xllamacpp's server.

    Args:
        shelf: The base models.
        folder: Where converted adapters are kept.
        python: Finds the Python that has xllamacpp; None where there is none.
    """

    name = ENVIRONMENT

    def __init__(
        self, shelf: BaseModelShelf, folder: Path, python: Callable[[], Path | None] | None = None
    ) -> None:
        self._shelf = shelf
        self._folder = folder
        self._python = python or python_with_llama_cpp

    def why_not(self, place: ModelPlace) -> str | None:
        """Return why it can't answer for a model, or None when it can; empty of a kind it never reads."""
        base = self._shelf.folder(place.base_model)
        if base is None or not (is_gguf_base(base) or is_prepared(base)):
            return ""
        if is_gguf_base(base) and place.adapter_folder is not None:
            return "llama.cpp has no adapter for it."
        if self._python() is None:
            return f"llama.cpp answers with it: {why_not(ENVIRONMENT) or ''}".rstrip(": ")
        return None

    def plan(self, place: ModelPlace) -> tuple[ChildPlan, AdapterPlan | None]:
        """Return a child for the model, its base and its adapter written as GGUF if they are not yet.

        Raises:
            TunedeckError: Base or adapter can't be read.
            OSError: The disk is full.
        """
        base, python = self._shelf.folder(place.base_model), self._python()
        assert base is not None
        assert python is not None
        model = base / FILE if is_gguf_base(base) else self._exported(base)
        adapter = self._converted(base, place) if place.adapter_folder is not None else None
        context = min(self._shelf.context_length(place.base_model) or MAX_CONTEXT, MAX_CONTEXT)

        def command(port: int) -> list[str]:
            asked = {
                "model": str(model), "alias": place.id, "port": port, "context": context,
                "threads": _threads(), "adapter": str(adapter) if adapter is not None else None,
            }  # fmt: skip
            return [llama_cpp_server.__file__, json.dumps(asked)]

        key, label = f"llamacpp:{place.id}", f"llama.cpp ({place.id})"
        return ChildPlan(key, label, python, command, "TUNEDECK_CHILD_KEY"), None

    def request_body(self, path: str, body: dict[str, Any], place: ModelPlace) -> dict[str, Any]:
        """Return the body as llama.cpp takes it.

        Raises:
            ApiError: 400 for a body that is wrong, or asks for what llama.cpp does not do.
        """
        # Checking bodies brings pydantic, which a starting engine can do without.
        from tui.engine.serving.request_bodies import ChatBody, CompletionBody

        if path == CHAT:
            checked = parse_body(ChatBody, body)
            checked.includes_usage()
        else:
            completion = parse_body(CompletionBody, body)
            completion.includes_usage()
            for field in ("echo", "logprobs", "suffix", "best_of"):
                if getattr(completion, field) not in (None, False):
                    raise ApiError(
                        400,
                        f"'{field}' is not done for completions of a model that llama.cpp answers with. "
                        "Leave it out, or use chat completions, which have logprobs.",
                        param=field,
                        code=NOT_DONE,
                    )
        given = {name: value for name, value in body.items() if value is not None}
        limit = given.pop("max_completion_tokens", None) or given.get("max_tokens")
        return {**_PLAIN_SAMPLING, **given, **({"max_tokens": limit} if limit else {}), "model": place.id}

    def _exported(self, base: Path) -> Path:
        """Return a base model of the embedded engine as GGUF, written once."""
        source = (base / "weights.safetensors").stat()
        target = base.parent / EXPORTED / f"{base.name}-{source.st_size}-{source.st_mtime_ns}.gguf"
        if not target.is_file():
            from tui.engine.export.gguf_file import write_gguf  # only who asks for llama.cpp pays for it
            from tui.engine.llama.base_model import load_base_model

            target.parent.mkdir(mode=0o700, exist_ok=True)
            for old in target.parent.glob(f"{base.name}-*.gguf"):
                old.unlink(missing_ok=True)
            model = load_base_model(base)
            with _beside(target) as part:
                write_gguf(
                    model, base, None, part, quantisation=QUANTISATION, title=base.name,
                    on_step=lambda done, total: None,
                )  # fmt: skip
        return target

    def _converted(self, base: Path, place: ModelPlace) -> Path:
        """Return an adapter as a GGUF LoRA, written once."""
        assert place.adapter_folder is not None
        source = place.adapter_folder / "adapter_model.safetensors"
        told = source.stat()
        digest = hashlib.sha256(f"{source}-{told.st_size}-{told.st_mtime_ns}".encode()).hexdigest()[:24]
        target = self._folder / f"{digest}.gguf"
        if not target.is_file():
            from tui.engine.export.gguf_lora import write_gguf_lora
            from tui.engine.llama.config import LlamaConfig
            from tui.engine.llama.peft_files import load_peft

            config = LlamaConfig.from_json(json.loads((base / "config.json").read_text("utf-8")))
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            adapter = load_peft(place.adapter_folder, config)
            with _beside(target) as part:
                write_gguf_lora(adapter, part, place.id)
        return target


class _beside:
    """A file beside `target` that takes its name once it is whole."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __enter__(self) -> Path:
        descriptor, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=self._target.parent)
        os.close(descriptor)
        self._part = Path(name)
        return self._part

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        try:
            if kind is None:
                os.replace(self._part, self._target)
        finally:
            self._part.unlink(missing_ok=True)


def python_with_llama_cpp() -> Path | None:
    """Return the Python that has xllamacpp: this one (the extra), else its environment's."""
    if importlib.util.find_spec("xllamacpp") is not None:
        return Path(sys.executable)
    found = find_environment(ENVIRONMENT)
    return found.python if found is not None else None


def _threads() -> int:
    """Return how many threads compute: one core is left to the engine and the terminal."""
    return max(1, (psutil.cpu_count(logical=False) or os.cpu_count() or 1) - 1)
