"""Base models that the embedded engine can't compute: kept as transformers reads them, with a note of ours.

Such a folder holds config.json, safetensors weights, tokenizer.json and chat_template.jinja as they came, and
base.json, which says what our own code needs: name, end tokens, and what the template may ask for. TRL
trains them and vLLM serves them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.engine.atomic_files import read_json_object
from tui.errors import TunedeckError

if TYPE_CHECKING:
    from tui.engine.llama.tokenizer import ChatTokenizer

FORMAT = "tunedeck-transformers-1"
NOTE = "base.json"
TEMPLATE_TOKENS = ("bos_token", "eos_token", "pad_token", "unk_token")
"""Names of control tokens that chat templates may write (transformers gives its templates these)."""


@dataclass(frozen=True, slots=True)
class TransformersBase:
    """What base.json says."""

    name: str
    model_type: str
    """transformers' word for the architecture, such as "qwen3"."""
    context_length: int
    """Tokens."""
    end_token_ids: tuple[int, ...]
    """Tokens that end an answer."""
    variables: Mapping[str, str]
    """Control tokens by the names that the template asks for them."""
    parameters: int
    """Numbers in the weights, counted in their files; of packed 4-bit weights it is the packed ones."""
    licence: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what base.json holds."""
        return {"format": FORMAT, **asdict(self), "end_token_ids": list(self.end_token_ids)}


def is_transformers_base(folder: Path) -> bool:
    """Say whether `folder` is such a base model; it is made in one rename, so the note tells."""
    return (folder / NOTE).is_file() and (folder / "config.json").is_file()


def read_transformers_base(folder: Path) -> TransformersBase:
    """Read base.json.

    Raises:
        TunedeckError: The folder is no such base model.
    """
    data = read_json_object(folder / NOTE) or {}
    try:
        if data["format"] != FORMAT:
            raise ValueError(f"its format is {data['format']!r}")
        return TransformersBase(
            name=str(data["name"]),
            model_type=str(data["model_type"]),
            context_length=int(data["context_length"]),
            end_token_ids=tuple(int(number) for number in data["end_token_ids"]),
            variables={str(key): str(value) for key, value in dict(data["variables"]).items()},
            parameters=int(data["parameters"]),
            licence=data.get("licence"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise TunedeckError(
            f"{folder} is not a base model added by this version of tunedeck: {error}.",
            "Add the model again: tunedeck engine add PATH",
        ) from error


def load_tokenizer(folder: Path) -> ChatTokenizer:
    """Open tokenizer and template of a base model of either kind, without its weights.

    Raises:
        TunedeckError: The folder is no base model, or its files can't be read.
    """
    from tui.engine.llama.config import LlamaConfig  # numpy and the tokenizers library, only when opened
    from tui.engine.llama.tokenizer import ChatTokenizer

    try:
        if not is_transformers_base(folder):
            config = LlamaConfig.from_json(json.loads((folder / "config.json").read_text("utf-8")))
            return ChatTokenizer.load(folder, config.end_token_ids, config.name)
        base = read_transformers_base(folder)
        tokenizer_json = (folder / "tokenizer.json").read_text("utf-8")
        template = (folder / "chat_template.jinja").read_text("utf-8")
        return ChatTokenizer(
            tokenizer_json, template, base.end_token_ids, base.name, variables=base.variables
        )
    except TunedeckError:
        raise
    except Exception as error:  # the tokenizers package raises bare Exception on a file it can't read
        raise TunedeckError(
            f"{folder} is not a prepared base model: {error}.",
            "Add the model again: tunedeck engine add PATH",
        ) from error


def context_length(folder: Path) -> int | None:
    """Return the context of a base model of either kind, in tokens, where it says it."""
    name = NOTE if is_transformers_base(folder) else "config.json"
    value = (read_json_object(folder / name) or {}).get("context_length")
    return value if isinstance(value, int) and value > 0 else None
