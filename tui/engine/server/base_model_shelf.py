"""Base models on this machine: which are ready, and the one that is being fetched."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tui.engine.gguf_base import is_gguf_base
from tui.engine.transformers_base import context_length, is_transformers_base
from tui.errors import TunedeckError

DEFAULT_BASE_MODEL = "smollm2-135m-instruct"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}\Z")
_log = logging.getLogger(__name__)

Fetch = Callable[[Path, Callable[[str, int, int], None]], Path]
"""Fetches the default model below a folder, telling (state, done bytes, total bytes)."""


@dataclass(slots=True)
class BaseModelState:
    """What /tunedeck/status says of the base model."""

    name: str
    state: str = "absent"
    """absent, downloading, preparing, ready or failed."""
    done_bytes: int = 0
    total_bytes: int = 0
    folder: str | None = None
    error: str | None = None


def is_base_model_name(name: str) -> bool:
    """Say whether `name` can be a base model's, and so a folder's."""
    return _NAME.match(name) is not None


def is_prepared(folder: Path) -> bool:
    """Say whether `folder` holds a prepared base model; it is made in one rename, so these two tell."""
    return (folder / "config.json").is_file() and (folder / "weights.safetensors").is_file()


def is_base_model(folder: Path) -> bool:
    """Say whether `folder` holds a base model of any kind."""
    return is_prepared(folder) or is_transformers_base(folder) or is_gguf_base(folder)


class BaseModelShelf:
    """The base models below one folder, of any kind; fetches the default one when asked."""

    def __init__(self, root: Path, fetch: Fetch | None) -> None:
        self._root = root
        self._fetch = fetch
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._state = BaseModelState(DEFAULT_BASE_MODEL)
        self.on_ready: Callable[[], None] = lambda: None
        """Called in the fetching thread once a model is there."""

    def names(self) -> list[str]:
        """Return the names of the models that can be used now."""
        if not self._root.is_dir():
            return []
        return sorted(
            entry.name
            for entry in self._root.iterdir()
            if is_base_model_name(entry.name) and is_base_model(entry)
        )

    def folder(self, name: str) -> Path | None:
        """Return a model's folder, or None when it is not ready or no model's name."""
        folder = self._root / name
        return folder if is_base_model_name(name) and is_base_model(folder) else None

    def is_transformers(self, name: str) -> bool:
        """Say whether a model is kept for TRL and vLLM, so that the embedded engine can't compute it."""
        return is_base_model_name(name) and is_transformers_base(self._root / name)

    def is_gguf(self, name: str) -> bool:
        """Say whether a model is kept for llama.cpp alone."""
        return is_base_model_name(name) and is_gguf_base(self._root / name)

    def is_foreign(self, name: str) -> bool:
        """Say whether the embedded engine can't compute a model."""
        return self.is_transformers(name) or self.is_gguf(name)

    def any_foreign(self) -> bool:
        """Say whether there is any model that the embedded engine can't compute."""
        return any(self.is_foreign(name) for name in self.names())

    def is_known(self, name: str) -> bool:
        """Say whether a job may name this base model: it is here, or will be fetched."""
        return name == DEFAULT_BASE_MODEL or self.folder(name) is not None

    def created_at(self, name: str) -> int:
        """Return when the model was prepared, in Unix seconds."""
        folder = self.folder(name)
        return int((folder / "config.json").stat().st_mtime) if folder else 0

    def context_length(self, name: str) -> int | None:
        """Return the model's context length in tokens, when its configuration says it."""
        folder = self.folder(name)
        return context_length(folder) if folder else None

    def preferred(self) -> str | None:
        """Return the model to use when none is named: the default one, else the first that answers here."""
        names = sorted(self.names(), key=self.is_foreign)
        return DEFAULT_BASE_MODEL if DEFAULT_BASE_MODEL in names else (names[0] if names else None)

    def state(self) -> BaseModelState:
        """Return the state of the default model, or of the one that stands in for it."""
        with self._lock:
            busy = self._state.state in ("downloading", "preparing")
            name = None if busy else self.preferred()
            if name is None:
                return BaseModelState(**asdict(self._state))
        return BaseModelState(name, "ready", folder=str(self._root / name))

    def state_object(self) -> dict[str, Any]:
        """Return the state as the status route shows it."""
        return asdict(self.state())

    def start_fetch(self) -> None:
        """Fetch the default model in the background, unless it is here or already on its way."""
        with self._lock:
            running = self._thread is not None and self._thread.is_alive()
            if running or self._fetch is None or self.folder(DEFAULT_BASE_MODEL):
                return
            self._state = BaseModelState(DEFAULT_BASE_MODEL, "downloading")
            self._thread = threading.Thread(target=self._run_fetch, name="base-model", daemon=True)
            self._thread.start()

    @property
    def can_fetch(self) -> bool:
        """False when this engine was told not to fetch."""
        return self._fetch is not None

    def _run_fetch(self) -> None:
        assert self._fetch is not None
        try:
            folder = self._fetch(self._root, self._tell)
            self._set(BaseModelState(DEFAULT_BASE_MODEL, "ready", folder=str(folder)))
            self.on_ready()
        except TunedeckError as error:
            self._set(BaseModelState(DEFAULT_BASE_MODEL, "failed", error=str(error)))
        except Exception as error:
            _log.exception("fetching the base model failed")
            self._set(BaseModelState(DEFAULT_BASE_MODEL, "failed", error=f"{type(error).__name__}: {error}"))

    def _tell(self, state: str, done: int, total: int) -> None:
        self._set(BaseModelState(DEFAULT_BASE_MODEL, state, done, total))

    def _set(self, state: BaseModelState) -> None:
        with self._lock:
            self._state = state
