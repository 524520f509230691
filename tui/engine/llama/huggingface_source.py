"""Reads model folders in Hugging Face's layout: config.json, safetensors shards, tokenizer.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tui.engine.llama.chat_template import CHATML
from tui.engine.llama.config import config_from_hugging_face
from tui.engine.llama.model_source import TokenizerFiles
from tui.engine.llama.safetensors_file import as_float32, open_tensors
from tui.errors import TunedeckError

Array = npt.NDArray[Any]


class HuggingFaceSource:
    """One folder as transformers saves it.

    Raises:
        TunedeckError: A file is missing or the model is not a Llama.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        raw = _read_json(path / "config.json")
        if raw is None:
            raise TunedeckError(
                f"{path} has no config.json.", "Give a .gguf file or a Hugging Face model folder."
            )
        shards = sorted(path.glob("*.safetensors"))
        if not shards:
            raise TunedeckError(
                f"{path} has no .safetensors weights.", "Pickled .bin weights are never read."
            )
        self._tensors = {key: tensor for shard in shards for key, tensor in open_tensors(shard).items()}
        self.tied = "lm_head.weight" not in self._tensors
        self.licence: str | None = None
        config = config_from_hugging_face(raw, name)
        ends = (_read_json(path / "generation_config.json") or {}).get("eos_token_id")
        extra = ends if isinstance(ends, list) else [ends] if isinstance(ends, int) else []
        self.config = replace(config, end_token_ids=tuple(dict.fromkeys([*extra, *config.end_token_ids])))

    def tokenizer_files(self) -> TokenizerFiles:
        """Read `tokenizer.json`, and the template from wherever this version of transformers keeps it."""
        try:
            tokenizer_json = (self.path / "tokenizer.json").read_text("utf-8")
        except OSError as error:
            raise TunedeckError(f"{self.path} has no tokenizer.json.") from error
        template_file = self.path / "chat_template.jinja"
        if template_file.exists():
            return TokenizerFiles(tokenizer_json, template_file.read_text("utf-8"))
        stored = (_read_json(self.path / "tokenizer_config.json") or {}).get("chat_template")
        if isinstance(stored, list):
            stored = next((entry["template"] for entry in stored if entry["name"] == "default"), None)
        return TokenizerFiles(tokenizer_json, stored or CHATML)

    def tensors(self) -> Iterator[tuple[str, Array]]:
        """Yield float32, fused tensors."""
        yield "embedding", self._tensor("model.embed_tokens.weight")
        for layer in range(self.config.layers):
            own, fused = f"model.layers.{layer}.", f"layers.{layer}."
            yield f"{fused}attention_norm", self._tensor(f"{own}input_layernorm.weight")
            yield (
                f"{fused}qkv",
                self._stacked(own, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
            )
            yield f"{fused}attention_out", self._tensor(f"{own}self_attn.o_proj.weight")
            yield f"{fused}feed_forward_norm", self._tensor(f"{own}post_attention_layernorm.weight")
            yield f"{fused}gate_up", self._stacked(own, "mlp.gate_proj", "mlp.up_proj")
            yield f"{fused}down", self._tensor(f"{own}mlp.down_proj.weight")
        yield "final_norm", self._tensor("model.norm.weight")
        if not self.tied:
            yield "output", self._tensor("lm_head.weight")

    def _stacked(self, prefix: str, *names: str) -> Array:
        return np.concatenate([self._tensor(f"{prefix}{name}.weight") for name in names])

    def _tensor(self, name: str) -> Array:
        tensor = self._tensors.get(name)
        if tensor is None:
            raise TunedeckError(f"{self.path} lacks the tensor {name}.", "A weights file may be missing.")
        return as_float32(tensor)


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise TunedeckError(f"{path} can't be read: {error}.") from error
    return data if isinstance(data, dict) else None
