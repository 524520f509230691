"""An adapter as a GGUF LoRA file, which llama.cpp lays over a base model of the same shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

from tui.engine.export.gguf_file import MODULE_NAMES, pair_order
from tui.engine.llama.lora import Adapter
from tui.engine.llama.peft_files import MODULES, module_rows

Array = npt.NDArray[Any]


def write_gguf_lora(adapter: Adapter, target: Path, title: str) -> None:
    """Write the file, in float32.

    Rows of q and k are put into llama.cpp's order, as those of the weights they are added to. The alpha is 0,
    by which llama.cpp takes the products as they are (`get_scale`, read 2026-11): our scale is folded in.

    Args:
        adapter: What was learned.
        target: The file; replaced if it exists.
        title: The model's name in the file.

    Raises:
        OSError: The disk is full.
    """
    config = adapter.config
    rows = module_rows(config)
    heads = {"self_attn.q_proj": config.heads, "self_attn.k_proj": config.kv_heads}
    writer = gguf.GGUFWriter(target, "llama")
    try:
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_name(title)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, 0.0)
        for number, layer in enumerate(adapter.layers):
            for name, pair in layer.items():
                for module in MODULES[name]:
                    up: Array = pair.up[rows[module]]
                    if module in heads:
                        up = pair_order(up, heads[module])
                    place = f"blk.{number}.{MODULE_NAMES[module]}.weight"
                    writer.add_tensor(f"{place}.lora_a", np.ascontiguousarray(pair.down, np.float32))
                    writer.add_tensor(f"{place}.lora_b", np.ascontiguousarray(up, np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()
