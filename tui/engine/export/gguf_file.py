"""A merged model as one GGUF file for llama.cpp, Ollama, LM Studio and whatever is built on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

from tui.engine.export.gguf_tokenizer import gguf_tokenizer
from tui.engine.export.hugging_face import START_TEXTS, OnStep, reported
from tui.engine.export.merge import EMBEDDING, FINAL_NORM, OUTPUT, merged_shapes, merged_tensors
from tui.engine.llama.base_model import BaseModel
from tui.engine.llama.config import LlamaConfig
from tui.engine.llama.lora import Adapter
from tui.engine.llama.operations import rope_frequencies

Array = npt.NDArray[Any]

QUANTISATIONS = {
    "f32": gguf.GGMLQuantizationType.F32,
    "f16": gguf.GGMLQuantizationType.F16,
    "q8_0": gguf.GGMLQuantizationType.Q8_0,
}
"""How matrices can be stored: exactly, in half the bytes, in a quarter of them."""
FILE_TYPES = {
    "f32": gguf.LlamaFileType.ALL_F32,
    "f16": gguf.LlamaFileType.MOSTLY_F16,
    "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
}
MODULE_NAMES = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
"""llama.cpp's words for the modules of transformers."""
_WHOLE = {EMBEDDING: "token_embd.weight", FINAL_NORM: "output_norm.weight", OUTPUT: "output.weight"}


def write_gguf(
    base: BaseModel,
    base_folder: Path,
    adapter: Adapter | None,
    target: Path,
    *,
    quantisation: str,
    title: str,
    on_step: OnStep,
) -> None:
    """Write one file.

    Args:
        base: The model that was tuned.
        base_folder: Where it was prepared; its tokenizer and template are described in the file.
        adapter: What was learned.
        target: The file; replaced if it exists.
        quantisation: One of `QUANTISATIONS`.
        title: The model's name in the file.
        on_step: Called with tensors done and in all.

    Raises:
        OSError: The disk is full.
        TunedeckError: llama.cpp has no word for this model's tokenizer.
    """
    writer = gguf.GGUFWriter(target, "llama")
    try:
        _add_settings(writer, base.config, quantisation, title)
        _add_tokenizer(writer, base, base_folder)
        for name, shape, kind in _layout(base, quantisation):
            stored = gguf.quants.quant_shape_to_byte_shape(shape, kind) if kind in _PACKED else shape
            dtype = np.dtype(_DTYPES.get(kind, np.uint8))
            size = int(np.prod(stored, dtype=np.int64)) * dtype.itemsize
            writer.add_tensor_info(name, stored, dtype, size, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        total = len(merged_shapes(base)) + _extra_count(base.config)
        for _, tensor in reported(_stored(base, adapter, quantisation), total, on_step):
            writer.write_tensor_data(tensor)
    finally:
        writer.close()


_PACKED = (gguf.GGMLQuantizationType.Q8_0,)
_DTYPES = {gguf.GGMLQuantizationType.F32: np.float32, gguf.GGMLQuantizationType.F16: np.float16}


def _add_settings(writer: gguf.GGUFWriter, config: LlamaConfig, quantisation: str, title: str) -> None:
    writer.add_name(title)
    writer.add_file_type(FILE_TYPES[quantisation])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(config.context_length)
    writer.add_embedding_length(config.hidden)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.feed_forward)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.kv_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_layer_norm_rms_eps(config.norm_epsilon)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_vocab_size(config.vocabulary)


def _add_tokenizer(writer: gguf.GGUFWriter, base: BaseModel, base_folder: Path) -> None:
    tokenizer_json = (base_folder / "tokenizer.json").read_text("utf-8")
    found = gguf_tokenizer(tokenizer_json, base.config.vocabulary, base.name)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(found.splitter)
    writer.add_token_list(found.pieces)
    writer.add_token_types(found.kinds)
    writer.add_token_merges(found.merges)
    ends = base.config.end_token_ids
    if ends:
        writer.add_eos_token_id(ends[0])
    if len(ends) > 1:
        writer.add_eot_token_id(ends[1])
    starts = [found.pieces.index(text) for text in START_TEXTS if text in found.pieces]
    if starts:
        writer.add_bos_token_id(starts[0])
    # The template writes every control token that it wants; a second one before it would be a fault.
    writer.add_add_bos_token(False)
    writer.add_chat_template((base_folder / "chat_template.jinja").read_text("utf-8"))


def _kind(shape: tuple[int, ...], quantisation: str) -> gguf.GGMLQuantizationType:
    """Return how a tensor is stored: vectors exactly, and rows that fill no block in 16 bits."""
    if len(shape) == 1:
        return gguf.GGMLQuantizationType.F32
    kind = QUANTISATIONS[quantisation]
    if kind in _PACKED and shape[-1] % gguf.GGML_QUANT_SIZES[kind][0]:
        return gguf.GGMLQuantizationType.F16
    return kind


def _layout(
    base: BaseModel, quantisation: str
) -> Iterator[tuple[str, tuple[int, ...], gguf.GGMLQuantizationType]]:
    for name, shape in merged_shapes(base).items():
        yield _gguf_name(name), shape, _kind(shape, quantisation)
    if _extra_count(base.config):
        shape = (base.config.head_dim // 2,)
        yield "rope_freqs.weight", shape, gguf.GGMLQuantizationType.F32


def _stored(base: BaseModel, adapter: Adapter | None, quantisation: str) -> Iterator[tuple[str, Array]]:
    config = base.config
    for name, tensor in merged_tensors(base, adapter):
        kind = _kind(tensor.shape, quantisation)
        if name.endswith("q_proj.weight"):
            tensor = pair_order(tensor, config.heads)
        elif name.endswith("k_proj.weight"):
            tensor = pair_order(tensor, config.kv_heads)
        if kind in _PACKED:
            yield name, gguf.quants.quantize(np.ascontiguousarray(tensor, np.float32), kind)
        else:
            yield name, np.ascontiguousarray(tensor, _DTYPES[kind])
    if _extra_count(config):
        plain = config.rope_theta ** (-np.arange(0, config.head_dim, 2, dtype=np.float64) / config.head_dim)
        yield "rope_freqs.weight", (plain / rope_frequencies(config)).astype(np.float32)


def _extra_count(config: LlamaConfig) -> int:
    """Return how many tensors stand beside the weights: one where rotations are stretched, else none."""
    return int(config.rope_scaling is not None)


def _gguf_name(name: str) -> str:
    if name in _WHOLE:
        return _WHOLE[name]
    _, _, number, *module, _ = name.split(".")
    return f"blk.{number}.{MODULE_NAMES['.'.join(module)]}.weight"


def pair_order(matrix: Array, heads: int) -> Array:
    """Put the rows of each head from transformers' order (halves) into llama.cpp's (pairs)."""
    halves = matrix.reshape(heads, 2, matrix.shape[0] // heads // 2, -1)
    return halves.swapaxes(1, 2).reshape(matrix.shape)
