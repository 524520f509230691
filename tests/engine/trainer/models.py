"""Tiny models and examples for the trainer's tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.engine.tiny_model import tiny_config, tiny_tokenizer_json
from tui.engine.llama.base_model import BaseModel
from tui.engine.llama.chat_template import CHATML
from tui.engine.llama.lora import Adapter
from tui.engine.llama.tokenizer import NO_TARGET, ChatTokenizer, TrainingExample
from tui.engine.llama.weights import assemble_weights, tensor_shapes
from tui.engine.trainers.training_data import Example


def tiny_tokenizer(template: str = CHATML) -> ChatTokenizer:
    return ChatTokenizer(tiny_tokenizer_json(), template, (2,))


def tiny_base(dtype: type = np.float32, seed: int = 0) -> BaseModel:
    config = tiny_config()
    generator = np.random.default_rng(seed)
    tensors: dict[str, np.ndarray] = {
        key: (
            1 + 0.1 * generator.standard_normal(shape)
            if "norm" in key
            else 0.2 * generator.standard_normal(shape)
        ).astype(dtype)
        for key, shape in tensor_shapes(config, tied=True).items()
    }
    return BaseModel(config.name, config, assemble_weights(tensors, config), tiny_tokenizer())


def random_adapter(base: BaseModel, dtype: type = np.float32, seed: int = 1, rank: int = 3) -> Adapter:
    adapter = Adapter.initial(base.config, rank=rank, seed=seed, dtype=dtype)
    noise = np.random.default_rng(seed).standard_normal(adapter.vector.shape)
    adapter.vector[:] += (0.1 * noise).astype(dtype)
    return adapter


def random_examples(
    count: int, *, shared: int = 6, seed: int = 2, longest: int = 14
) -> list[TrainingExample]:
    """Examples with a common beginning of `shared` tokens, and with targets in their second half."""
    generator = np.random.default_rng(seed)
    beginning = generator.integers(3, 260, shared)
    examples = []
    for _ in range(count):
        own = generator.integers(3, 260, int(generator.integers(4, longest)))
        ids = np.concatenate([beginning, own])
        targets = np.full(len(ids), NO_TARGET)
        targets[-len(own) // 2 :] = generator.integers(3, 260, len(targets[-len(own) // 2 :]))
        examples.append(TrainingExample(ids, targets, len(ids) + 1))
    return examples


def each_a_row(examples: list[TrainingExample]) -> list[Example]:
    """Return sequences as rows of one sequence."""
    return [Example((example,)) for example in examples]


def chat_row(question: str, answer: str) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "system", "content": "Answer in one word."},
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
    }


def chat_rows(count: int) -> list[dict[str, Any]]:
    return [chat_row(f"Is {number} even?", "yes" if number % 2 == 0 else "no") for number in range(count)]


def write_job(
    folder: Path,
    base_folder: Path,
    rows: list[dict[str, Any]],
    *,
    validation: list[dict[str, Any]] | None = None,
    **spec: Any,
) -> Path:
    """Write a run folder as the server does."""
    folder.mkdir(parents=True)
    for name, content in (("training.jsonl", rows), ("validation.jsonl", validation)):
        if content is not None:
            (folder / name).write_text("".join(json.dumps(row) + "\n" for row in content), "utf-8")
    settled = {
        "job_id": folder.name,
        "method": "supervised",
        "base_model": "tiny",
        "base_model_folder": str(base_folder),
        "start_adapter": None,
        "hyperparameters": {"n_epochs": 3, "batch_size": 4, "learning_rate_multiplier": "auto"},
        "seed": 7,
        "suffix": "test",
        "fine_tuned_model": "ft:tiny:local:test:abcd1234",
        "max_tokens_per_example": 256,
        "training_file": "training.jsonl",
        "validation_file": "validation.jsonl" if validation is not None else None,
    }
    (folder / "spec.json").write_text(json.dumps({**settled, **spec}), "utf-8")
    return folder
