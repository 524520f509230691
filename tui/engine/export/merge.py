"""A base model with an adapter added into its weights, matrix by matrix, so that memory holds one copy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tui.engine.llama.base_model import BaseModel
from tui.engine.llama.lora import Adapter
from tui.engine.llama.peft_files import MODULES, module_rows

Array = npt.NDArray[Any]

EMBEDDING, FINAL_NORM, OUTPUT = "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"


def is_tied(base: BaseModel) -> bool:
    """Say whether the output layer is the embedding itself."""
    return base.weights.output is base.weights.embedding


def merged_tensors(base: BaseModel, adapter: Adapter | None) -> Iterator[tuple[str, Array]]:
    """Yield float32 tensors under the names of transformers, in a fixed order.

    Args:
        base: The model that was tuned.
        adapter: What is added; None yields the base itself.
    """
    rows = module_rows(base.config)
    yield EMBEDDING, base.weights.embedding
    for number, layer in enumerate(base.weights.layers):
        prefix = f"model.layers.{number}."
        yield f"{prefix}input_layernorm.weight", layer.attention_norm
        yield f"{prefix}post_attention_layernorm.weight", layer.feed_forward_norm
        for name, modules in MODULES.items():
            matrix = layer.projection(name)
            pair = adapter.layers[number].get(name) if adapter is not None else None
            if pair is not None:
                matrix = matrix + pair.up @ pair.down
            for module in modules:
                yield f"{prefix}{module}.weight", matrix[rows[module]]
    yield FINAL_NORM, base.weights.final_norm
    if not is_tied(base):
        yield OUTPUT, base.weights.output


def merged_shapes(base: BaseModel) -> dict[str, tuple[int, ...]]:
    """Return name and shape of each of `merged_tensors`, without computing one."""
    return {name: tensor.shape for name, tensor in merged_tensors(base, None)}


def fits_float16(base: BaseModel, adapter: Adapter | None) -> bool:
    """Say whether no weight is too large for float16 (above 65,504 it would become infinite)."""
    largest = float(np.finfo(np.float16).max)
    return all(
        float(np.abs(tensor).max(initial=0.0)) <= largest for _, tensor in merged_tensors(base, adapter)
    )
