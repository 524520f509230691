from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engine.tiny_model import tiny_config
from tests.engine.trainer.models import random_adapter, tiny_base
from tui.engine.llama.lora import Adapter
from tui.engine.llama.peft_files import PREFIX, load_peft, module_rows, save_peft
from tui.engine.llama.safetensors_file import open_tensors, write_tensors
from tui.errors import TunedeckError


def change_settings(folder: Path, **changes: Any) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def write_adapter(folder: Path, tensors: dict[str, np.ndarray], **settings: Any) -> Path:
    folder.mkdir()
    write_tensors(
        folder / "adapter_model.safetensors",
        {key: value.shape for key, value in tensors.items()},
        tensors.items(),
    )
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", **settings}))
    return folder


def delta(adapter: Adapter, layer: int, name: str) -> np.ndarray:
    pair = adapter.layers[layer][name]
    product: np.ndarray = pair.up @ pair.down
    return product


def test_a_saved_adapter_is_loaded_with_the_same_numbers(tmp_path: Path) -> None:
    adapter = random_adapter(tiny_base())
    save_peft(adapter, tmp_path, "tiny")
    assert np.array_equal(load_peft(tmp_path, tiny_config()).vector, adapter.vector)


def test_saved_modules_are_those_of_transformers_with_shared_inputs(tmp_path: Path) -> None:
    adapter = random_adapter(tiny_base())
    save_peft(adapter, tmp_path, "tiny")
    tensors = open_tensors(tmp_path / "adapter_model.safetensors")
    assert len(tensors) == 2 * 7 * 2
    query, value = (tensors[f"{PREFIX}0.self_attn.{name}.lora_A.weight"] for name in ("q_proj", "v_proj"))
    assert np.array_equal(query, value)
    settings = json.loads((tmp_path / "adapter_config.json").read_text())
    assert settings["r"] == settings["lora_alpha"] == 3
    assert set(settings["target_modules"]) == {
        *("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
    }


def test_modules_with_inputs_of_their_own_are_stacked_and_scaled(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    config, rows = tiny_config(), module_rows(tiny_config())
    tensors, expected = {}, np.zeros((config.qkv_width, config.hidden))
    for name, rank in (("q_proj", 2), ("v_proj", 3)):
        module = f"self_attn.{name}"
        down = generator.standard_normal((rank, config.hidden)).astype(np.float32)
        up = generator.standard_normal((rows[module].stop - rows[module].start, rank)).astype(np.float32)
        tensors[f"{PREFIX}1.{module}.lora_A.weight"] = down
        tensors[f"{PREFIX}1.{module}.lora_B.weight"] = up
        alpha = 8 if name == "q_proj" else 5
        expected[rows[module]] = up @ down * alpha / rank
    folder = write_adapter(tmp_path / "a", tensors, r=2, lora_alpha=8, alpha_pattern={"v_proj": 5})
    adapter = load_peft(folder, config)
    assert [set(layer) for layer in adapter.layers] == [set(), {"qkv"}]
    np.testing.assert_allclose(delta(adapter, 1, "qkv"), expected, rtol=1e-4, atol=1e-5)
    save_peft(adapter, tmp_path / "b", "tiny")
    again = load_peft(tmp_path / "b", config)
    np.testing.assert_allclose(delta(again, 1, "qkv"), expected, rtol=1e-4, atol=1e-5)


def test_rank_stabilised_scaling_divides_by_the_root_of_the_rank(tmp_path: Path) -> None:
    adapter = random_adapter(tiny_base(), rank=4)
    save_peft(adapter, tmp_path, "tiny")
    change_settings(tmp_path, use_rslora=True, alpha_pattern={})
    scaled = load_peft(tmp_path, tiny_config())
    np.testing.assert_allclose(delta(scaled, 0, "down"), 2 * delta(adapter, 0, "down"), rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"peft_type": "IA3"}, "only LoRA"),
        ({"use_dora": True}, "use_dora"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"bias": "all"}, "biases"),
    ],
)
def test_other_kinds_of_adapter_are_refused_by_name(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    save_peft(random_adapter(tiny_base()), tmp_path, "tiny")
    change_settings(tmp_path, **changes)
    with pytest.raises(TunedeckError, match=said):
        load_peft(tmp_path, tiny_config())


def test_an_adapter_on_other_modules_is_refused(tmp_path: Path) -> None:
    table = np.zeros((2, 4), np.float32)
    folder = write_adapter(tmp_path / "a", {"base_model.model.lm_head.lora_A.weight": table}, r=2)
    with pytest.raises(TunedeckError, match="lm_head"):
        load_peft(folder, tiny_config())


def test_a_folder_without_an_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TunedeckError, match="not a PEFT adapter"):
        load_peft(tmp_path, tiny_config())
