"""Base models kept as the GGUF file they came as: llama.cpp answers with them, nobody here trains them.

Such a folder holds model.gguf, linked where the disk allows it, and config.json, which says what our own code
needs of it: name, architecture, context.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from tui.engine.atomic_files import read_json_object, write_json_atomically
from tui.errors import TunedeckError

FORMAT = "tunedeck-gguf-1"
FILE = "model.gguf"
_PART = re.compile(r"-\d{5}-of-\d{5}\Z")
_COPY_BYTES = 1 << 24
_CONTEXT = 2048
"""Tokens assumed of a model that does not say its own."""

Progress = Callable[[int, int], None]


def is_gguf_base(folder: Path) -> bool:
    """Say whether `folder` is such a base model; it is made in one rename, so these two tell."""
    return (folder / FILE).is_file() and (folder / "config.json").is_file()


def keep_gguf_base(path: Path, target: Path, *, name: str, on_progress: Progress) -> None:
    """Keep the GGUF file `path` as the base model folder `target`, whole or not at all.

    Args:
        path: A language model with its tokenizer, in one file.
        target: Must not exist.
        name: The model's id from now on.
        on_progress: Told megabytes done and in all.

    Raises:
        TunedeckError: It is no such file.
        OSError: The target can't be written.
    """
    note = {"format": FORMAT, "name": name, **_described(path)}
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _link_or_copy(path.resolve(), temporary / FILE, on_progress)
        write_json_atomically(temporary / "config.json", note)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def architecture_of(folder: Path) -> str:
    """Return llama.cpp's word for the architecture of such a base model, such as "qwen3"."""
    return str((read_json_object(folder / "config.json") or {}).get("architecture") or "unknown")


def can_be_kept(path: Path) -> bool:
    """Say whether `path` is a GGUF file that llama.cpp may read."""
    try:
        _described(path)
    except TunedeckError:
        return False
    return True


def _described(path: Path) -> dict[str, object]:
    import gguf  # numpy with it, only when a model is added

    if _PART.search(path.stem):
        raise TunedeckError(
            f"{path.name} is one part of several.", "Join them first: llama.cpp's `llama-gguf-split --merge`."
        )
    try:
        fields = gguf.GGUFReader(path).fields
    except (ValueError, OSError, IndexError, KeyError) as error:
        raise TunedeckError(f"{path.name} is not a sound GGUF file: {error}.") from error

    def value(key: str) -> object:
        found = fields.get(key)
        return None if found is None else found.contents()

    architecture = value("general.architecture")
    if not isinstance(architecture, str) or value("tokenizer.ggml.model") is None:
        raise TunedeckError(
            f"{path.name} is no language model with its tokenizer.",
            "An adapter or a projector can't answer alone.",
        )
    length = value(f"{architecture}.context_length")
    return {
        "architecture": architecture,
        "context_length": length if isinstance(length, int) and length > 0 else _CONTEXT,
        "licence": value("general.license"),
    }


def _link_or_copy(source: Path, target: Path, on_progress: Progress) -> None:
    try:
        target.hardlink_to(source)
        on_progress(1, 1)
        return
    except OSError:
        pass  # another disk
    total = source.stat().st_size
    with source.open("rb") as stream, target.open("xb") as copy:
        while chunk := stream.read(_COPY_BYTES):
            copy.write(chunk)
            on_progress(copy.tell() >> 20, total >> 20)
        copy.flush()
        os.fsync(copy.fileno())
