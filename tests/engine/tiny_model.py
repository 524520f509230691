"""A random two-layer Llama with a byte-level vocabulary: the real architecture in a hundredth of a second."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tui.datasets.byte_level import byte_letters
from tui.engine.llama.chat_template import CHATML
from tui.engine.llama.config import LlamaConfig
from tui.engine.llama.safetensors_file import write_tensors
from tui.engine.llama.weights import tensor_shapes

SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MERGES = ("Ġ t", "h e", "Ġt he", "i n", "e r", "o n", "a n", "r e", "Ġ a", "l l")
TINY_NAME = "tiny-llama"


def tiny_tokenizer_json() -> str:
    """Every byte is a token, plus three control tokens and a few merges."""
    pieces = [*SPECIALS, *byte_letters(), *(merge.replace(" ", "") for merge in MERGES)]
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [
                {
                    "id": number,
                    "content": text,
                    "single_word": False,
                    "lstrip": False,
                    "rstrip": False,
                    "normalized": False,
                    "special": True,
                }
                for number, text in enumerate(SPECIALS)
            ],
            "normalizer": None,
            "pre_tokenizer": {
                "type": "ByteLevel",
                "add_prefix_space": False,
                "trim_offsets": True,
                "use_regex": True,
            },
            "post_processor": None,
            "decoder": {
                "type": "ByteLevel",
                "add_prefix_space": True,
                "trim_offsets": True,
                "use_regex": True,
            },
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": {piece: number for number, piece in enumerate(pieces)},
                "merges": [merge.split(" ") for merge in MERGES],
            },
        }
    )


def tiny_config(name: str = TINY_NAME) -> LlamaConfig:
    """Grouped queries, 4 heads on 2, as in the real model."""
    return LlamaConfig(
        layers=2,
        hidden=32,
        heads=4,
        kv_heads=2,
        head_dim=8,
        feed_forward=48,
        vocabulary=len(SPECIALS) + 256 + len(MERGES),
        norm_epsilon=1e-5,
        rope_theta=10_000.0,
        rope_scaling=None,
        context_length=2048,
        end_token_ids=(2,),
        name=name,
    )


def make_tiny_base_model(folder: Path, *, name: str = TINY_NAME, seed: int = 0) -> Path:
    """Write a prepared base-model folder and return it; the same seed gives the same weights."""
    folder.mkdir(parents=True, exist_ok=True)
    config = tiny_config(name)
    generator = np.random.default_rng(seed)
    shapes = tensor_shapes(config, tied=True)
    tensors = {
        key: np.ones(shape, np.float32)
        if "norm" in key
        else (generator.standard_normal(shape) * (0.5 if key == "embedding" else 0.12)).astype(np.float32)
        for key, shape in shapes.items()
    }
    write_tensors(folder / "weights.safetensors", shapes, tensors.items())
    (folder / "tokenizer.json").write_text(tiny_tokenizer_json(), "utf-8")
    (folder / "chat_template.jinja").write_text(CHATML, "utf-8")
    (folder / "provenance.json").write_text('{"source": "random", "licence": "none"}\n', "utf-8")
    (folder / "config.json").write_text(json.dumps(config.as_json()), "utf-8")
    return folder
