"""A model's weights, float32, fused so that a layer takes four matrix products instead of seven."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from tui.engine.llama.config import LlamaConfig
from tui.engine.llama.safetensors_file import open_tensors
from tui.errors import TunedeckError

Array = npt.NDArray[Any]

PROJECTIONS = ("qkv", "attention_out", "gate_up", "down")
"""The four matrix products of a layer, which are what LoRA adapts."""


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One layer; each matrix is [out, in] in C order, possibly a read-only memory map.

    `qkv` holds queries, keys, values by rows, head by head, in the rotate-half order of transformers;
    `gate_up` holds the gate's rows, then the up projection's.
    """

    attention_norm: Array
    qkv: Array
    attention_out: Array
    feed_forward_norm: Array
    gate_up: Array
    down: Array

    def projection(self, name: str) -> Array:
        """Return the matrix of one of `PROJECTIONS`."""
        matrix: Array = getattr(self, name)
        return matrix


@dataclass(frozen=True, slots=True)
class LlamaWeights:
    """All weights; `output` is `embedding` itself when the model ties them. Both are [vocabulary, hidden]."""

    config: LlamaConfig
    embedding: Array
    layers: tuple[LayerWeights, ...]
    final_norm: Array
    output: Array


def projection_shapes(config: LlamaConfig) -> dict[str, tuple[int, int]]:
    """Return [out, in] of each of `PROJECTIONS`."""
    return {
        "qkv": (config.qkv_width, config.hidden),
        "attention_out": (config.hidden, config.query_width),
        "gate_up": (2 * config.feed_forward, config.hidden),
        "down": (config.hidden, config.feed_forward),
    }


def layer_shapes(config: LlamaConfig) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor of one layer, in the order in which they are stored."""
    matrices = projection_shapes(config)
    return {
        "attention_norm": (config.hidden,),
        "qkv": matrices["qkv"],
        "attention_out": matrices["attention_out"],
        "feed_forward_norm": (config.hidden,),
        "gate_up": matrices["gate_up"],
        "down": matrices["down"],
    }


def tensor_shapes(config: LlamaConfig, *, tied: bool) -> dict[str, tuple[int, ...]]:
    """Return name and shape of each tensor of a prepared weights file, in file order."""
    table = (config.vocabulary, config.hidden)
    shapes: dict[str, tuple[int, ...]] = {"embedding": table}
    for layer in range(config.layers):
        shapes |= {f"layers.{layer}.{name}": shape for name, shape in layer_shapes(config).items()}
    shapes["final_norm"] = (config.hidden,)
    return shapes if tied else {**shapes, "output": table}


def load_weights(path: Path, config: LlamaConfig) -> LlamaWeights:
    """Map a prepared weights file; takes milliseconds, pages come in when they are used."""
    return assemble_weights(open_tensors(path), config)


def assemble_weights(tensors: Mapping[str, Array], config: LlamaConfig) -> LlamaWeights:
    """Arrange tensors by their names in a prepared file.

    Raises:
        TunedeckError: A tensor is missing or has another shape than the configuration says.
    """
    for name, shape in tensor_shapes(config, tied="output" not in tensors).items():
        if name not in tensors or tensors[name].shape != shape:
            raise TunedeckError(
                f"The weights of {config.name} lack {name} of shape {shape}.", "Prepare the base model again."
            )
    layers = tuple(
        LayerWeights(**{name: tensors[f"layers.{layer}.{name}"] for name in layer_shapes(config)})
        for layer in range(config.layers)
    )
    embedding = tensors["embedding"]
    return LlamaWeights(config, embedding, layers, tensors["final_norm"], tensors.get("output", embedding))
