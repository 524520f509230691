"""A merged model as transformers, vLLM and llama.cpp's converter load it: one folder with safetensors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tui.engine.export.merge import is_tied, merged_shapes, merged_tensors
from tui.engine.llama.base_model import BaseModel
from tui.engine.llama.config import LlamaConfig
from tui.engine.llama.lora import Adapter
from tui.engine.llama.operations import rope_frequencies
from tui.engine.llama.safetensors_file import write_tensors
from tui.errors import TunedeckError

WEIGHTS = "model.safetensors"
DTYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}
"""What a merged model can be stored as, with safetensors' names."""
START_TEXTS = ("<|begin_of_text|>", "<s>")
"""Control tokens that begin a text, as Llama 3 and Llama 2 call them."""
LLAMA3_RULE = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
"""What Llama 3.1 and 3.2 share (their config.json, 2024)."""
OnStep = Callable[[int, int], None]
"""Called with tensors done and in all."""
_STEP = 8


def reported(
    tensors: Iterable[tuple[str, npt.NDArray[Any]]], total: int, on_step: OnStep
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Pass tensors through and tell `on_step`, now and then, how many have been taken."""
    for done, item in enumerate(tensors, start=1):
        yield item
        if done % _STEP == 0 or done == total:
            on_step(done, total)


def write_merged(
    base: BaseModel, base_folder: Path, adapter: Adapter | None, target: Path, dtype: str, on_step: OnStep
) -> None:
    """Write config, tokenizer, chat template and weights into `target`, which must be there.

    Args:
        base: The model that was tuned.
        base_folder: Where it was prepared; its tokenizer and template are copied.
        adapter: What was learned.
        target: An empty folder.
        dtype: One of `DTYPES`.
        on_step: Called with tensors done and in all.

    Raises:
        OSError: The disk is full.
        TunedeckError: transformers has no word for this model's rope scaling.
    """
    shapes = merged_shapes(base)
    tensors = reported(merged_tensors(base, adapter), len(shapes), on_step)
    write_tensors(target / WEIGHTS, shapes, tensors, dtype=DTYPES[dtype])
    template = (base_folder / "chat_template.jinja").read_text("utf-8")
    tokenizer_json = (base_folder / "tokenizer.json").read_text("utf-8")
    (target / "tokenizer.json").write_text(tokenizer_json, "utf-8")
    (target / "chat_template.jinja").write_text(template, "utf-8")
    _write_json(target / "config.json", _config(base, dtype))
    ends = list(base.config.end_token_ids)
    _write_json(target / "generation_config.json", {"eos_token_id": ends, "do_sample": True})
    _write_json(target / "tokenizer_config.json", _tokenizer_config(base, tokenizer_json))


def _config(base: BaseModel, dtype: str) -> dict[str, Any]:
    config = base.config
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": config.hidden,
        "intermediate_size": config.feed_forward,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_dim,
        "vocab_size": config.vocabulary,
        "max_position_embeddings": config.context_length,
        "rms_norm_eps": config.norm_epsilon,
        "rope_theta": config.rope_theta,
        "rope_scaling": _rope_scaling(config),
        "tie_word_embeddings": is_tied(base),
        "attention_bias": False,
        "mlp_bias": False,
        "eos_token_id": list(config.end_token_ids),
        "torch_dtype": dtype,
    }


def _rope_scaling(config: LlamaConfig) -> Mapping[str, Any] | None:
    """Return transformers' setting; the factors that a GGUF file brings must be those of Llama 3.1's rule."""
    scaling = config.rope_scaling
    if scaling is None:
        return None
    if "factors" not in scaling:
        return {"rope_type": scaling["type"], **{key: own for key, own in scaling.items() if key != "type"}}
    rule = {"type": "llama3", "factor": max(scaling["factors"]), **LLAMA3_RULE}
    if not np.allclose(
        rope_frequencies(replace(config, rope_scaling=rule)), rope_frequencies(config), rtol=1e-3
    ):
        raise TunedeckError(
            f"The rope factors of {config.name} follow no rule that transformers knows.",
            "Export it as GGUF, which takes them as they are: --as gguf",
        )
    return {"rope_type": "llama3", **{key: own for key, own in rule.items() if key != "type"}}


def _tokenizer_config(base: BaseModel, tokenizer_json: str) -> dict[str, Any]:
    added = {
        str(token["id"]): {key: value for key, value in token.items() if key != "id"}
        for token in json.loads(tokenizer_json)["added_tokens"]
    }
    names = {int(number): token["content"] for number, token in added.items()}
    end = next((names[number] for number in base.config.end_token_ids if number in names), None)
    start = next((text for text in START_TEXTS if text in names.values()), None)
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "added_tokens_decoder": added,
        "bos_token": start,
        "eos_token": end,
        "pad_token": end,
        "model_max_length": base.config.context_length,
        "clean_up_tokenization_spaces": False,
    }


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")
