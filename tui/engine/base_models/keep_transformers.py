"""Keeps a model folder as Hugging Face lays it out, for TRL and vLLM: one the embedded engine can't read.

Weights are linked where the disk allows it, else copied, never converted; code that a model brings along is
neither kept nor run.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tui.engine.atomic_files import read_json_object, write_json_atomically
from tui.engine.transformers_base import NOTE, TEMPLATE_TOKENS, TransformersBase, load_tokenizer
from tui.errors import TunedeckError

Progress = Callable[[int, int], None]
_KEPT = ("*.json", "*.jinja", "tokenizer.model", "LICENSE*", "NOTICE*", "README.md")
_WEIGHTS = "*.safetensors"
_LICENCE = re.compile(r"\A---\n(?:[^\n]*\n)*?licen[cs]e:\s*[\"']?([\w.+-]{1,40})")
"""In the head of a model card (YAML between lines of three dashes)."""
_CONTEXT = 2048
"""Tokens assumed of a model that does not say its own."""


def keep_transformers_base(path: Path, target: Path, *, name: str, on_progress: Progress) -> None:
    """Keep the model folder `path` as the base model folder `target`, whole or not at all.

    Args:
        path: As transformers saves it, or a snapshot in the hub's cache.
        target: Must not exist.
        name: The model's id from now on.
        on_progress: Told files done and in all.

    Raises:
        TunedeckError: A file is missing, or tokenizer or template can't be read.
        OSError: The target can't be written.
    """
    note = describe(path, name)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        files = sorted({file for pattern in (*_KEPT, _WEIGHTS) for file in path.glob(pattern)})
        for done, file in enumerate(files, start=1):
            _link_or_copy(file.resolve(), temporary / file.name)
            on_progress(done, len(files))
        (temporary / "chat_template.jinja").unlink(missing_ok=True)  # a link's text would be the original's
        (temporary / "chat_template.jinja").write_text(_template(path), "utf-8")
        write_json_atomically(temporary / NOTE, note.as_json())
        origin = {
            "source": path.name, "sha256": None, "licence": note.licence,
            "prepared_at": datetime.now(UTC).isoformat(timespec="seconds"), "changes": "none",
        }  # fmt: skip
        write_json_atomically(temporary / "provenance.json", origin)
        load_tokenizer(temporary).render([{"role": "user", "content": "hello"}])
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def can_be_kept(path: Path) -> bool:
    """Say whether `path` looks like a model folder of Hugging Face's layout."""
    config = read_json_object(path / "config.json") or {}
    return isinstance(config.get("model_type"), str) and any(path.glob(_WEIGHTS))


def describe(path: Path, name: str) -> TransformersBase:
    """Return what base.json says of a model folder.

    Raises:
        TunedeckError: A file is missing.
    """
    config = read_json_object(path / "config.json")
    if config is None or not isinstance(config.get("model_type"), str):
        raise TunedeckError(f"{path} has no config.json that names its model_type.")
    if not (path / "tokenizer.json").is_file():
        raise TunedeckError(
            f"{path} has no tokenizer.json.",
            "transformers writes one with tokenizer.save_pretrained(FOLDER).",
        )
    shards = sorted(path.glob(_WEIGHTS))
    if not shards:
        raise TunedeckError(f"{path} has no .safetensors weights.", "Pickled .bin weights are never read.")
    inner = config.get("text_config")
    text: Mapping[str, Any] = inner if isinstance(inner, dict) else config
    generation = read_json_object(path / "generation_config.json") or {}
    ends = [*_numbers(generation.get("eos_token_id")), *_numbers(text.get("eos_token_id"))]
    context = text.get("max_position_embeddings")
    return TransformersBase(
        name=name,
        model_type=config["model_type"],
        context_length=context if isinstance(context, int) and context > 0 else _CONTEXT,
        end_token_ids=tuple(dict.fromkeys(ends)),
        variables=_variables(path),
        parameters=sum(_parameters(shard) for shard in shards),
        licence=_licence(path),
    )


def _licence(path: Path) -> str | None:
    """Return the licence that a model card's head names."""
    try:
        found = _LICENCE.search((path / "README.md").read_text("utf-8", "replace"))
    except OSError:
        return None
    return found[1].strip() if found else None


def _template(path: Path) -> str:
    """Return the chat template from wherever transformers keeps it; ChatML when there is none."""
    file = path / "chat_template.jinja"
    if file.is_file():
        return file.read_text("utf-8")
    stored = (read_json_object(path / "tokenizer_config.json") or {}).get("chat_template")
    if isinstance(stored, list):
        stored = next((entry["template"] for entry in stored if entry.get("name") == "default"), None)
    if isinstance(stored, str):
        return stored
    from tui.engine.llama.chat_template import CHATML  # Jinja, only when it is asked for

    return CHATML


def _variables(path: Path) -> dict[str, str]:
    settings = {
        **(read_json_object(path / "special_tokens_map.json") or {}),
        **(read_json_object(path / "tokenizer_config.json") or {}),
    }
    found = {}
    for name in TEMPLATE_TOKENS:
        value = settings.get(name)
        text = value.get("content") if isinstance(value, dict) else value
        if isinstance(text, str):
            found[name] = text
    return found


def _numbers(value: object) -> list[int]:
    return [number for number in (value if isinstance(value, list) else [value]) if isinstance(number, int)]


def _parameters(shard: Path) -> int:
    """Return the numbers in a safetensors file, by its header.

    Raises:
        TunedeckError: It is no such file.
    """
    try:
        with shard.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return sum(math.prod(entry["shape"]) for key, entry in header.items() if key != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, MemoryError, OverflowError) as error:
        raise TunedeckError(f"{shard.name} is not a sound safetensors file: {error}.") from error


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)
