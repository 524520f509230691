"""Base models and adapters in memory: opened once, shared by all requests, the least used dropped."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from tui.engine.api_errors import ApiError
from tui.engine.llama.base_model import BaseModel, load_base_model
from tui.engine.llama.lora import Adapter
from tui.engine.llama.peft_files import load_peft
from tui.engine.serving.decoder import Decoder
from tui.engine.serving.json_constraint import TokenBytes
from tui.engine.serving.matrix_products import open_products
from tui.errors import TunedeckError

MAX_BASES = 2
MAX_ADAPTERS = 8
"""Adapters kept: 20 MB each at rank 16 on the 135M model."""

MAX_ROWS = 576
"""Tokens in one forward pass: a chunk of a prompt and one token of every running answer."""


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """Where a model id's files are; `id` is what the answer calls it."""

    base_folder: Path
    adapter_folder: Path | None
    id: str


class LoadedBase:
    """A base model with all that requests to it share; `weights` says in words how they are read.

    Args:
        folder: A prepared base model.

    Raises:
        TunedeckError: The folder is not one.
    """

    def __init__(self, folder: Path) -> None:
        self.model: BaseModel = load_base_model(folder)
        products, self.weights = open_products(folder, self.model.weights)
        self.decoder = Decoder(self.model, MAX_ROWS, products)
        self._lock = threading.Lock()
        self._token_bytes: TokenBytes | None = None

    def token_bytes(self) -> TokenBytes:
        """Return what every token writes; made on the first call (0.1 s for 49,152 tokens)."""
        with self._lock:
            if self._token_bytes is None:
                tokenizer = self.model.tokenizer
                ids = range(tokenizer.vocabulary_size)
                special = {token for token in ids if tokenizer.is_special(token)}
                self._token_bytes = TokenBytes([tokenizer.token_bytes(token) for token in ids], special)
            return self._token_bytes


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model id ready to answer."""

    id: str
    base: LoadedBase
    adapter: Adapter | None


class ModelPool:
    """Opens what a request names. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bases: OrderedDict[Path, LoadedBase] = OrderedDict()
        self._adapters: OrderedDict[Path, Adapter] = OrderedDict()
        self.weights: dict[str, str] = {}
        """How the weights of each base model in memory are read, in words; replaced, never changed."""

    def load(self, resolved: ResolvedModel) -> LoadedModel:
        """Return the model, opened if it is not already.

        Raises:
            ApiError: 503 when its files can't be used.
        """
        try:
            with self._lock:
                base = self._base(resolved.base_folder)
                adapter = self._adapter(resolved.adapter_folder, base) if resolved.adapter_folder else None
        except (TunedeckError, OSError) as error:
            raise ApiError(
                503, f"The model '{resolved.id}' can't be opened: {error}", type="server_error"
            ) from error
        return LoadedModel(resolved.id, base, adapter)

    @property
    def base_folders(self) -> list[Path]:
        """Return the folders of the base models in memory, the least used first."""
        with self._lock:
            return list(self._bases)

    def forget_adapter(self, folder: Path) -> None:
        """Drop the adapter of a deleted model; requests that use it keep theirs."""
        with self._lock:
            self._adapters.pop(folder, None)

    def _base(self, folder: Path) -> LoadedBase:
        if folder not in self._bases:
            self._bases[folder] = LoadedBase(folder)
        self._bases.move_to_end(folder)
        while len(self._bases) > MAX_BASES:
            self._bases.popitem(last=False)
        self.weights = {place.name: base.weights for place, base in self._bases.items()}
        return self._bases[folder]

    def _adapter(self, folder: Path, base: LoadedBase) -> Adapter:
        if folder not in self._adapters:
            self._adapters[folder] = load_peft(folder, base.model.config)
        self._adapters.move_to_end(folder)
        while len(self._adapters) > MAX_ADAPTERS:
            self._adapters.popitem(last=False)
        return self._adapters[folder]
