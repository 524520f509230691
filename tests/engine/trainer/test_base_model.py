from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from tests.engine.tiny_model import MERGES, SPECIALS, make_tiny_base_model, tiny_config, tiny_tokenizer_json
from tests.engine.trainer.models import tiny_base
from tui.datasets.byte_level import byte_letters
from tui.engine.llama.base_model import load_base_model, prepare_base_model
from tui.engine.llama.chat_template import CHATML
from tui.engine.llama.config import LlamaConfig
from tui.engine.llama.operations import rope_frequencies
from tui.engine.llama.packed_blocks import unpack_matrix
from tui.engine.llama.peft_files import module_rows
from tui.engine.llama.safetensors_file import as_float32, open_tensors, write_tensors
from tui.errors import TunedeckError

WEIGHTS = tiny_base(np.float32).weights
CONFIG = tiny_config()


def split_tensors() -> dict[str, np.ndarray]:
    """The tiny model's tensors under transformers' names."""
    rows = module_rows(CONFIG)
    tensors = {"model.embed_tokens.weight": WEIGHTS.embedding, "model.norm.weight": WEIGHTS.final_norm}
    for number, layer in enumerate(WEIGHTS.layers):
        own = f"model.layers.{number}."
        tensors[f"{own}input_layernorm.weight"] = layer.attention_norm
        tensors[f"{own}post_attention_layernorm.weight"] = layer.feed_forward_norm
        tensors[f"{own}self_attn.o_proj.weight"] = layer.attention_out
        tensors[f"{own}mlp.down_proj.weight"] = layer.down
        for module in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"):
            tensors[f"{own}{module}.weight"] = layer.qkv[rows[module]]
        for module in ("mlp.gate_proj", "mlp.up_proj"):
            tensors[f"{own}{module}.weight"] = layer.gate_up[rows[module]]
    return tensors


def transformers_config(**changes: Any) -> dict[str, Any]:
    return {
        "model_type": "llama",
        "hidden_size": CONFIG.hidden,
        "num_hidden_layers": CONFIG.layers,
        "num_attention_heads": CONFIG.heads,
        "num_key_value_heads": CONFIG.kv_heads,
        "intermediate_size": CONFIG.feed_forward,
        "vocab_size": CONFIG.vocabulary,
        "rms_norm_eps": CONFIG.norm_epsilon,
        "rope_theta": CONFIG.rope_theta,
        "max_position_embeddings": CONFIG.context_length,
        "eos_token_id": 2,
        **changes,
    }


def hugging_face_folder(folder: Path, tensors: dict[str, np.ndarray] | None = None, **changes: Any) -> Path:
    folder.mkdir()
    tensors = tensors or split_tensors()
    names = sorted(tensors)
    for number, part in enumerate((names[::2], names[1::2]), start=1):
        shapes = {name: tensors[name].shape for name in part}
        path = folder / f"model-0000{number}-of-00002.safetensors"
        write_tensors(path, shapes, ((name, tensors[name]) for name in part))
    (folder / "config.json").write_text(json.dumps(transformers_config(**changes)))
    (folder / "tokenizer.json").write_text(tiny_tokenizer_json())
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": CHATML}))
    return folder


def interleaved(matrix: np.ndarray, heads: int) -> np.ndarray:
    """Order rows as llama.cpp stores them."""
    halves = matrix.reshape(heads, 2, matrix.shape[0] // heads // 2, -1)
    stored: np.ndarray = halves.swapaxes(1, 2).reshape(matrix.shape)
    return stored


def gguf_file(path: Path, architecture: str = "llama") -> Path:
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(CONFIG.layers)
    writer.add_context_length(CONFIG.context_length)
    writer.add_embedding_length(CONFIG.hidden)
    writer.add_feed_forward_length(CONFIG.feed_forward)
    writer.add_head_count(CONFIG.heads)
    writer.add_head_count_kv(CONFIG.kv_heads)
    writer.add_layer_norm_rms_eps(CONFIG.norm_epsilon)
    writer.add_rope_freq_base(CONFIG.rope_theta)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    pieces = [*SPECIALS, *byte_letters(), *(merge.replace(" ", "") for merge in MERGES)]
    writer.add_token_list(pieces)
    writer.add_token_types([3] * len(SPECIALS) + [1] * (len(pieces) - len(SPECIALS)))
    writer.add_token_merges(list(MERGES))
    writer.add_eos_token_id(2)
    writer.add_chat_template(CHATML)
    names = {
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
    for name, tensor in split_tensors().items():
        if not name.startswith("model.layers."):
            stored = {"model.embed_tokens.weight": "token_embd.weight"}.get(name, "output_norm.weight")
            writer.add_tensor(stored, np.ascontiguousarray(tensor))
            continue
        _, _, layer, rest = name.split(".", 3)
        own = names[rest.removesuffix(".weight")]
        heads = {"attn_q": CONFIG.heads, "attn_k": CONFIG.kv_heads}.get(own)
        values = interleaved(tensor, heads) if heads else tensor
        writer.add_tensor(f"blk.{layer}.{own}.weight", np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def assert_same_model(folder: Path) -> None:
    model = load_base_model(folder)
    assert np.array_equal(model.weights.embedding, WEIGHTS.embedding)
    assert model.weights.output is model.weights.embedding
    for found, expected in zip(model.weights.layers, WEIGHTS.layers, strict=True):
        for name in ("attention_norm", "qkv", "attention_out", "feed_forward_norm", "gate_up", "down"):
            assert np.array_equal(getattr(found, name), getattr(expected, name)), name
    assert model.config.end_token_ids == (2,)
    assert model.tokenizer.decode(model.tokenizer.encode("then 12 é")) == "then 12 é"


def test_a_gguf_file_and_a_hugging_face_folder_give_the_same_prepared_model(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    prepare_base_model(
        gguf_file(tmp_path / "m.gguf"), tmp_path / "one", name="one", on_progress=lambda *at: calls.append(at)
    )
    prepare_base_model(hugging_face_folder(tmp_path / "hf"), tmp_path / "two", name="two")
    one, two = load_base_model(tmp_path / "one"), load_base_model(tmp_path / "two")
    assert_same_model(tmp_path / "one")
    assert_same_model(tmp_path / "two")
    assert one.tokenizer.encode("then 1 é") == two.tokenizer.encode("then 1 é")
    assert calls[-1] == (len(calls), len(calls))
    provenance = json.loads((tmp_path / "one" / "provenance.json").read_text())
    assert provenance["source"] == "m.gguf"
    assert len(provenance["sha256"]) == 64


def test_what_was_quantised_is_prepared_in_its_packed_form_too(tmp_path: Path) -> None:
    kind = gguf.GGMLQuantizationType.Q4_1
    kept = {
        name: gguf.quants.dequantize(gguf.quants.quantize(tensor, kind), kind)
        if tensor.ndim == 2 and tensor.shape[1] % 32 == 0
        else tensor
        for name, tensor in split_tensors().items()
    }
    source = hugging_face_folder(tmp_path / "hf", kept)
    prepare_base_model(source, tmp_path / "one", name="one")
    packed = open_tensors(tmp_path / "one" / "packed.safetensors")
    weights = load_base_model(tmp_path / "one").weights
    assert np.array_equal(unpack_matrix(packed["output"]), weights.output)
    assert np.array_equal(unpack_matrix(packed["layers.1.qkv"]), weights.layers[1].qkv)
    assert "layers.1.down" not in packed, "its rows of 48 numbers are no whole blocks"


def test_what_was_never_quantised_is_prepared_without_one(tmp_path: Path) -> None:
    prepare_base_model(hugging_face_folder(tmp_path / "hf"), tmp_path / "one", name="one")
    assert not (tmp_path / "one" / "packed.safetensors").exists()


def test_bfloat16_shards_are_widened_exactly(tmp_path: Path) -> None:
    values = np.array([1.0, -2.5, 3.140625, 0.0], np.float32)
    bits = (values.view(np.uint32) >> 16).astype("<u2")
    header = json.dumps({"x": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}}).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bits.tobytes())
    assert np.array_equal(as_float32(open_tensors(path)["x"]), values)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 8,
        b"\xff" * 8,
        (10**6).to_bytes(8, "little") + b"{}",
        (60).to_bytes(8, "little") + b'{"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}     ',
        (2).to_bytes(8, "little") + b"[]",
        (58).to_bytes(8, "little") + b'{"x":{"dtype":"F32","shape":[9],"data_offsets":[0,16]}}  ' + b"0" * 16,
    ],
)
def test_a_broken_weights_file_is_refused_with_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(TunedeckError, match="not a sound safetensors file"):
        open_tensors(path)


def test_another_architecture_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(TunedeckError, match="qwen3 model"):
        prepare_base_model(
            hugging_face_folder(tmp_path / "hf", model_type="qwen3"), tmp_path / "out", name="x"
        )
    with pytest.raises(TunedeckError, match="mamba model"):
        prepare_base_model(gguf_file(tmp_path / "m.gguf", "mamba"), tmp_path / "out", name="x")
    assert not (tmp_path / "out").exists()


def test_a_failed_preparation_leaves_nothing_behind_and_keeps_the_old_model(tmp_path: Path) -> None:
    make_tiny_base_model(tmp_path / "models" / "tiny")
    source = hugging_face_folder(tmp_path / "hf")
    next(source.glob("*-00002.safetensors")).unlink()
    with pytest.raises(TunedeckError, match="lacks the tensor"):
        prepare_base_model(source, tmp_path / "models" / "tiny", name="tiny")
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["tiny"]
    load_base_model(tmp_path / "models" / "tiny")


def test_text_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"hello, this is not a model at all" * 10)
    for source in (tmp_path / "x.gguf", tmp_path / "absent.gguf", tmp_path):
        with pytest.raises(TunedeckError):
            prepare_base_model(source, tmp_path / "out", name="x")


def test_opening_a_prepared_model_maps_its_weights_read_only(tmp_path: Path) -> None:
    folder = make_tiny_base_model(tmp_path / "tiny")
    started = time.perf_counter()
    model = load_base_model(folder)
    assert time.perf_counter() - started < 1
    with pytest.raises(ValueError, match="read-only"):
        model.weights.embedding[0, 0] = 1


def test_a_folder_that_is_no_prepared_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TunedeckError, match="not a prepared base model"):
        load_base_model(tmp_path)


def test_llama_3_stretches_long_waves_and_keeps_short_ones() -> None:
    scaling = {
        "type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    }
    data = {**CONFIG.as_json(), "head_dim": 64, "rope_theta": 500_000.0}
    plain = rope_frequencies(LlamaConfig.from_json(data))
    scaled = rope_frequencies(LlamaConfig.from_json({**data, "rope_scaling": scaling}))
    assert scaled[0] == plain[0]
    assert scaled[-1] == pytest.approx(plain[-1] / 8)
    assert np.all(np.diff(scaled) < 0)
