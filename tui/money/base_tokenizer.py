"""Counts text with a local base model's own tokenizer, once the engine has prepared that model."""

from __future__ import annotations

from pathlib import Path

from tui import paths
from tui.datasets.file_tokenizer import FileTokenizer
from tui.records.model_names import base_of

BaseModelTokenizer = FileTokenizer


def tokenizer_file(model_id: str) -> Path:
    """Return where the tokenizer of a local base model lies once it is prepared."""
    return paths.base_models_dir() / Path(base_of(model_id)).name / "tokenizer.json"


def prepared_base_models() -> list[str]:
    """Return the ids of the local base models that are prepared on this machine."""
    try:
        return sorted(
            folder.name
            for folder in paths.base_models_dir().iterdir()
            if not folder.name.startswith(".") and (folder / "tokenizer.json").is_file()
        )
    except OSError:
        return []  # none was fetched yet


def load_base_tokenizer(model_id: str) -> BaseModelTokenizer | None:
    """Return the tokenizer of a local base or tuned model, or None while the base model is not there."""
    return FileTokenizer.read(base_of(model_id), tokenizer_file(model_id))
