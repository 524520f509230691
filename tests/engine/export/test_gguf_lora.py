"""An adapter as a GGUF LoRA: read back as llama.cpp lays it over the weights, it adds what ours adds."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from tests.engine.tiny_model import tiny_config
from tui.engine.export.gguf_file import MODULE_NAMES, pair_order
from tui.engine.export.gguf_lora import write_gguf_lora
from tui.engine.llama.lora import Adapter
from tui.engine.llama.peft_files import MODULES, module_rows


def test_every_module_is_added_to_as_by_the_adapter(tmp_path: Path) -> None:
    config = tiny_config()
    adapter = Adapter.initial(config, rank=4, seed=3)
    generator = np.random.default_rng(5)
    for layer in adapter.layers:
        for pair in layer.values():
            pair.up[:] = generator.standard_normal(pair.up.shape)
    write_gguf_lora(adapter, tmp_path / "lora.gguf", "tuned")

    reader = gguf.GGUFReader(tmp_path / "lora.gguf")
    told = {key: field.contents() for key, field in reader.fields.items()}
    assert told["general.architecture"] == "llama"
    assert told["general.type"] == "adapter"
    assert told["adapter.type"] == "lora"
    assert told["adapter.lora.alpha"] == 0.0  # else llama.cpp would scale what is scaled already
    tensors = {tensor.name: np.array(tensor.data) for tensor in reader.tensors}
    rows = module_rows(config)
    for number, layer in enumerate(adapter.layers):
        for name, pair in layer.items():
            for module in MODULES[name]:
                place = f"blk.{number}.{MODULE_NAMES[module]}.weight"
                added = tensors.pop(f"{place}.lora_b") @ tensors.pop(f"{place}.lora_a")
                ours = (pair.up @ pair.down)[rows[module]]
                # llama.cpp keeps q and k in pairs; the weights there were put into the same order.
                if module == "self_attn.q_proj":
                    ours = pair_order(ours, config.heads)
                elif module == "self_attn.k_proj":
                    ours = pair_order(ours, config.kv_heads)
                np.testing.assert_allclose(added, ours, rtol=1e-5, atol=1e-6)
    assert tensors == {}
