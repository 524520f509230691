"""Model folders as transformers saves them, of an architecture that the embedded engine can't read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.engine.tiny_model import tiny_tokenizer_json
from tests.engine.trl.templates import THINKING
from tui.engine.llama.safetensors_file import write_tensors

CONFIG: dict[str, Any] = {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "max_position_embeddings": 1024,
    "eos_token_id": 2,
}


def make_qwen_folder(folder: Path, *, template: str = THINKING) -> Path:
    """Write a folder with the files that `engine add` looks at; its weights are only counted."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG), "utf-8")
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, 0]}), "utf-8")
    settings = {"eos_token": {"content": "<|im_end|>"}, "chat_template": template}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    (folder / "tokenizer.json").write_text(tiny_tokenizer_json(), "utf-8")
    weights = {"a": np.zeros((3, 4), np.float32), "b": np.zeros(5, np.float32)}
    write_tensors(
        folder / "model.safetensors", {key: value.shape for key, value in weights.items()}, weights.items()
    )
    (folder / "README.md").write_text("---\ntags: [a]\nlicense: apache-2.0\n---\n# Model\n", "utf-8")
    (folder / "modeling_qwen.py").write_text("raise SystemExit('never run')\n", "utf-8")
    return folder
