"""What a base model is made from, whatever file it came in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

from tui.engine.llama.config import LlamaConfig

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class TokenizerFiles:
    """Text of the two files that describe how a model reads."""

    tokenizer_json: str
    chat_template: str


class ModelSource(Protocol):
    """A model file or folder, opened; tensors are converted only when they are asked for."""

    path: Path
    config: LlamaConfig
    tied: bool
    licence: str | None

    def tokenizer_files(self) -> TokenizerFiles:
        """Return tokenizer and template."""
        ...

    def tensors(self) -> Iterator[tuple[str, Array]]:
        """Yield every tensor of a prepared file, in its order."""
        ...
