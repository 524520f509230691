from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engine.tiny_model import make_tiny_base_model
from tests.engine.trainer.models import each_a_row, random_adapter, random_examples
from tui.engine.llama.base_model import load_base_model
from tui.engine.llama.peft_files import MODULES, PREFIX, module_rows, save_peft
from tui.engine.trainers.supervised import SupervisedTrainer

torch = pytest.importorskip("torch", reason="needs the torch extra")
peft = pytest.importorskip("peft", reason="needs the torch extra")
pytest.importorskip("transformers", reason="needs the torch extra")


def test_loss_and_gradients_equal_those_of_pytorch_and_peft(tmp_path: Path) -> None:
    from benchmarks.training_torch import padded, transformers_model

    base = load_base_model(make_tiny_base_model(tmp_path / "tiny"))
    adapter = random_adapter(base)
    examples = random_examples(5)
    trainer = SupervisedTrainer(base, adapter, each_a_row(examples), [])
    ours = trainer.collect(examples)
    gradient = adapter.like()
    gradient.vector[:] = np.sum([buffer.vector for buffer in trainer._buffers], axis=0)

    save_peft(adapter, tmp_path / "adapter", "tiny")
    model: Any = peft.PeftModel.from_pretrained(
        transformers_model(tmp_path / "tiny"), str(tmp_path / "adapter"), is_trainable=True
    )
    batch = padded([{"ids": one.ids.tolist(), "targets": one.targets.tolist()} for one in examples])
    result = model(**batch)
    result.loss.backward()
    assert ours.loss == pytest.approx(result.loss.item(), rel=1e-5)

    found = {
        name.replace(".default", ""): parameter.grad.numpy()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    rows = module_rows(base.config)
    for number, layer in enumerate(gradient.layers):
        for name, pair in layer.items():
            modules = [f"{PREFIX}{number}.{module}" for module in MODULES[name]]
            # What we fuse shares one `down`; PEFT keeps a copy for each module, so theirs add up to ours.
            downs = sum(found[f"{module}.lora_A.weight"] for module in modules)
            np.testing.assert_allclose(pair.down, downs, rtol=1e-3, atol=1e-6)
            for module, full in zip(MODULES[name], modules, strict=True):
                theirs = found[f"{full}.lora_B.weight"]
                np.testing.assert_allclose(pair.up[rows[module]], theirs, rtol=1e-3, atol=1e-6)


def test_peft_loads_the_adapters_we_save(tmp_path: Path) -> None:
    base = load_base_model(make_tiny_base_model(tmp_path / "tiny"))
    save_peft(random_adapter(base), tmp_path / "adapter", "tiny")
    config = peft.PeftConfig.from_pretrained(str(tmp_path / "adapter"))
    assert config.r == json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())["r"]
