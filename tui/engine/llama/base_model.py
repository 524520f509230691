"""Base models: prepared once from a GGUF file or a Hugging Face folder, then opened in milliseconds.

A prepared folder holds config.json, tokenizer.json, chat_template.jinja, weights.safetensors (float32,
fused), packed.safetensors (the same in fewer bytes, if they were quantised) and provenance.json (where it
came from). It appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy.typing as npt

from tui.engine.llama.config import LlamaConfig
from tui.engine.llama.model_source import ModelSource
from tui.engine.llama.packed_weights import pack_weights, write_packed
from tui.engine.llama.safetensors_file import write_tensors
from tui.engine.llama.tokenizer import ChatTokenizer
from tui.engine.llama.weights import LlamaWeights, load_weights, tensor_shapes
from tui.errors import TunedeckError

Progress = Callable[[int, int], None]
"""Called with steps done and steps in all."""

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A model ready to compute; all processes that open the same folder share its mapped weights."""

    name: str
    config: LlamaConfig
    weights: LlamaWeights
    tokenizer: ChatTokenizer


def load_base_model(folder: Path) -> BaseModel:
    """Open a prepared folder.

    Raises:
        TunedeckError: The folder is not a prepared base model.
    """
    try:
        config = LlamaConfig.from_json(json.loads((folder / "config.json").read_text("utf-8")))
        weights = load_weights(folder / WEIGHTS, config)
        tokenizer = ChatTokenizer.load(folder, config.end_token_ids, config.name)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TunedeckError(
            f"{folder} is not a prepared base model: {error}.",
            "Add the model again: tunedeck engine add PATH",
        ) from error
    return BaseModel(config.name, config, weights, tokenizer)


def prepare_base_model(source: Path, target: Path, *, name: str, on_progress: Progress | None = None) -> None:
    """Convert `source`, a .gguf file or a Hugging Face folder, into the prepared folder `target`, atomically.

    Args:
        source: The model as it was fetched.
        target: Replaced if it exists.
        name: The model's id from now on.
        on_progress: Called after each tensor with tensors done and in all.

    Raises:
        TunedeckError: The source can't be read or is no Llama-family model.
        OSError: The target can't be written.
    """
    opened = _open_source(source, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _write_prepared(opened, temporary, on_progress)
        if target.exists():
            shutil.rmtree(target)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _open_source(source: Path, name: str) -> ModelSource:
    # Both readers bring libraries that opening a prepared model never needs.
    if source.is_dir():
        from tui.engine.llama.huggingface_source import HuggingFaceSource

        return HuggingFaceSource(source, name)
    if not source.is_file():
        raise TunedeckError(f"{source} does not exist.", "Give a .gguf file or a Hugging Face model folder.")
    from tui.engine.llama.gguf_source import GgufSource

    return GgufSource(source, name)


def _write_prepared(source: ModelSource, folder: Path, on_progress: Progress | None) -> None:
    files = source.tokenizer_files()
    (folder / "tokenizer.json").write_text(files.tokenizer_json, "utf-8")
    (folder / "chat_template.jinja").write_text(files.chat_template, "utf-8")
    ChatTokenizer(files.tokenizer_json, files.chat_template, source.config.end_token_ids)
    shapes = tensor_shapes(source.config, tied=source.tied)
    write_tensors(folder / WEIGHTS, shapes, _reported(source.tensors(), len(shapes), on_progress))
    write_packed(folder, pack_weights(load_weights(folder / WEIGHTS, source.config)))
    provenance = {
        "source": source.path.name,
        "sha256": _sha256(source.path) if source.path.is_file() else None,
        "licence": source.licence,
        "prepared_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "changes": "dequantised to float32; projections fused; tokenizer rewritten as tokenizer.json",
    }
    _write_json(folder / "provenance.json", provenance)
    _write_json(folder / "config.json", source.config.as_json())


def _reported(
    tensors: Iterator[tuple[str, npt.NDArray[Any]]], total: int, on_progress: Progress | None
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    for done, item in enumerate(tensors, start=1):
        yield item
        if on_progress is not None:
            on_progress(done, total)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
