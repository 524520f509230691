"""Adapters in PEFT's folder format, which every other tool loads: a JSON file and a safetensors file."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tui.engine.llama.config import LlamaConfig
from tui.engine.llama.lora import Adapter, LowRank
from tui.engine.llama.safetensors_file import as_float32, open_tensors, write_tensors
from tui.errors import TunedeckError

Array = npt.NDArray[Any]

CONFIG_FILE, TENSOR_FILE = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model.model.layers."

MODULES = {
    "qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "attention_out": ("self_attn.o_proj",),
    "gate_up": ("mlp.gate_proj", "mlp.up_proj"),
    "down": ("mlp.down_proj",),
}
"""The modules of transformers that each of our fused matrices holds, in the order of its rows."""

_KEY = re.compile(
    r"^(?:base_model\.model\.)?model\.layers\.(\d+)\.([a-z_.]+?)\.lora_([AB])(?:\.default)?\.weight$"
)


def module_rows(config: LlamaConfig) -> dict[str, slice]:
    """Return which rows of its fused matrix belong to each module."""
    query, key, wide = config.query_width, config.key_width, config.feed_forward
    return {
        "self_attn.q_proj": slice(0, query),
        "self_attn.k_proj": slice(query, query + key),
        "self_attn.v_proj": slice(query + key, query + 2 * key),
        "self_attn.o_proj": slice(0, config.hidden),
        "mlp.gate_proj": slice(0, wide),
        "mlp.up_proj": slice(wide, 2 * wide),
        "mlp.down_proj": slice(0, config.hidden),
    }


def save_peft(adapter: Adapter, folder: Path, base_name: str) -> None:
    """Write an adapter folder; modules fused by us share one `lora_A`, which is repeated for each of them.

    Scales are folded in, hence alpha equals the rank everywhere.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = module_rows(adapter.config)
    tensors: dict[str, Array] = {}
    rank_by_module: dict[str, int] = {}
    for number, layer in enumerate(adapter.layers):
        for name, pair in layer.items():
            for module in MODULES[name]:
                tensors[f"{PREFIX}{number}.{module}.lora_A.weight"] = pair.down
                tensors[f"{PREFIX}{number}.{module}.lora_B.weight"] = pair.up[rows[module]]
                rank_by_module[f"layers.{number}.{module}"] = pair.rank
    write_tensors(folder / TENSOR_FILE, {key: value.shape for key, value in tensors.items()}, tensors.items())
    text = json.dumps(_peft_config(adapter, base_name, rank_by_module), indent=2)
    (folder / CONFIG_FILE).write_text(text + "\n", "utf-8")


def _peft_config(adapter: Adapter, base_name: str, rank_by_module: Mapping[str, int]) -> dict[str, Any]:
    ranks = sorted(set(rank_by_module.values()))
    rank = ranks[0] if ranks else 1
    uncommon = {module: own for module, own in rank_by_module.items() if own != rank}
    adapted = [number for number, layer in enumerate(adapter.layers) if layer]
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_name,
        "r": rank,
        "lora_alpha": rank,
        "rank_pattern": uncommon,
        "alpha_pattern": uncommon,
        "lora_dropout": 0.0,
        "bias": "none",
        "use_rslora": False,
        "use_dora": False,
        "fan_in_fan_out": False,
        "init_lora_weights": True,
        "inference_mode": True,
        "target_modules": sorted({module.rpartition(".")[2] for module in rank_by_module}),
        "layers_to_transform": None if len(adapted) == adapter.config.layers else adapted,
    }


def load_peft(folder: Path, config: LlamaConfig) -> Adapter:
    """Read any PEFT LoRA folder on the modules of `MODULES`.

    Modules that we fuse but that have a `lora_A` of their own are stacked: ranks add up, blocks stay apart.

    Raises:
        TunedeckError: The adapter is of another kind, or of another model.
    """
    try:
        settings = json.loads((folder / CONFIG_FILE).read_text("utf-8"))
        tensors = open_tensors(folder / TENSOR_FILE)
    except (OSError, ValueError) as error:
        raise TunedeckError(f"{folder} is not a PEFT adapter: {error}.") from error
    _refuse_other_kinds(settings, folder)
    parts = _parts_by_layer(tensors, settings, folder)
    if any(layer >= config.layers for layer, _ in parts):
        raise TunedeckError(f"The adapter {folder.name} has more layers than {config.name}.")
    fused = [{name: _fuse(parts, layer, name, config) for name in MODULES} for layer in range(config.layers)]
    ranks = [{name: pair.rank for name, pair in layer.items() if pair is not None} for layer in fused]
    adapter = Adapter(config, ranks)
    for views, pairs in zip(adapter.layers, fused, strict=True):
        for name, view in views.items():
            pair = pairs[name]
            assert pair is not None
            view.down[:], view.up[:] = pair.down, pair.up
    return adapter


def _refuse_other_kinds(settings: Mapping[str, Any], folder: Path) -> None:
    if settings.get("peft_type") != "LORA":
        raise TunedeckError(f"{folder.name} is a {settings.get('peft_type')} adapter; only LoRA can be used.")
    for key in ("use_dora", "fan_in_fan_out", "modules_to_save"):
        if settings.get(key):
            raise TunedeckError(f"The adapter {folder.name} needs {key}, which is not supported.")
    if settings.get("bias", "none") != "none":
        raise TunedeckError(f"The adapter {folder.name} tunes biases, which Llama models do not have.")


def _parts_by_layer(
    tensors: Mapping[str, Array], settings: Mapping[str, Any], folder: Path
) -> dict[tuple[int, str], LowRank]:
    """Return each module's pair with its scale folded into `up`, by layer and module."""
    found: dict[tuple[int, str], dict[str, Array]] = {}
    known = {module for modules in MODULES.values() for module in modules}
    for key, tensor in tensors.items():
        match = _KEY.match(key)
        if match is None or match[2] not in known:
            raise TunedeckError(f"The adapter {folder.name} changes {key}, which is not supported.")
        found.setdefault((int(match[1]), match[2]), {})[match[3]] = as_float32(tensor)
    parts = {}
    for (layer, module), pair in found.items():
        if set(pair) != {"A", "B"} or pair["A"].shape[0] != pair["B"].shape[1]:
            raise TunedeckError(f"The adapter {folder.name} is incomplete at layer {layer}, {module}.")
        parts[layer, module] = LowRank(pair["A"], pair["B"] * _scale(settings, layer, module, len(pair["A"])))
    return parts


def _scale(settings: Mapping[str, Any], layer: int, module: str, rank: int) -> np.float32:
    alpha = settings.get("lora_alpha", rank)
    path = f"{PREFIX}{layer}.{module}"
    for pattern, own in (settings.get("alpha_pattern") or {}).items():
        if path.endswith(f".{pattern}") or re.fullmatch(rf".*\.{pattern}", path):
            alpha = own
            break
    return np.float32(alpha / (math.sqrt(rank) if settings.get("use_rslora") else rank))


def _fuse(
    parts: Mapping[tuple[int, str], LowRank], layer: int, name: str, config: LlamaConfig
) -> LowRank | None:
    """Join the modules of one fused matrix: side by side when they share `down`, else block by block."""
    present = [(module, parts[layer, module]) for module in MODULES[name] if (layer, module) in parts]
    if not present:
        return None
    rows = module_rows(config)
    outputs = rows[MODULES[name][-1]].stop
    for module, pair in present:
        if pair.up.shape[0] != rows[module].stop - rows[module].start:
            raise TunedeckError(f"The adapter does not fit {config.name}: {module} has another size.")
    first = present[0][1].down
    if all(np.array_equal(pair.down, first) for _, pair in present):
        up = np.zeros((outputs, len(first)), np.float32)
        for module, pair in present:
            up[rows[module]] = pair.up
        return LowRank(first, up)
    up = np.zeros((outputs, sum(pair.rank for _, pair in present)), np.float32)
    offset = 0
    for module, pair in present:
        up[rows[module], offset : offset + pair.rank] = pair.up
        offset += pair.rank
    return LowRank(np.concatenate([pair.down for _, pair in present]), up)
