"""A model served from packed weights answers as from float32, whatever its folder is like."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import gguf
import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tests.engine.serving.reference import reference_logits
from tests.engine.tiny_model import make_tiny_base_model
from tui.engine.llama.base_model import BaseModel, load_base_model
from tui.engine.llama.lora import Adapter
from tui.engine.llama.packed_weights import PACKED
from tui.engine.llama.safetensors_file import open_tensors, write_tensors
from tui.engine.llama.weights import tensor_shapes
from tui.engine.serving import packed_products
from tui.engine.serving.decoder import Decoder, Segment, Wanted
from tui.engine.serving.key_value_cache import KeyValueCache
from tui.engine.serving.matrix_products import open_products

Array = NDArray[np.float32]

TOLERANCE = 2e-4
SAME_LOGITS = 1e-3
"""Of the real model, whose logits reach 20: float32 in another order of adding differs by 1e-4."""
PROMPTS = (
    "What is the capital of France?",
    "Write a haiku about the sea.",
    "def fibonacci(n):",
    "Translate 'good morning' into German.",
)


def quantised_tiny_model(folder: Path, feed_forward: int = 64, seed: int = 0) -> Path:
    """Write a tiny model whose weights are those of a GGUF file; rows of 48 numbers can't be."""
    make_tiny_base_model(folder, seed=seed)
    model = load_base_model(folder)
    config = dataclasses.replace(model.config, feed_forward=feed_forward)
    generator = np.random.default_rng(seed)
    tensors = {}
    for name, shape in tensor_shapes(config, tied=True).items():
        values = (generator.standard_normal(shape) * (0.5 if name == "embedding" else 0.12)).astype(
            np.float32
        )
        kind = gguf.GGMLQuantizationType.Q8_0 if name == "embedding" else gguf.GGMLQuantizationType.Q4_1
        if len(shape) == 1:
            values[:] = 1
        elif shape[1] % 32 == 0:
            values = gguf.quants.dequantize(gguf.quants.quantize(values, kind), kind)
        tensors[name] = values
    write_tensors(folder / "weights.safetensors", tensor_shapes(config, tied=True), tensors.items())
    (folder / "config.json").write_text(json.dumps(config.as_json()), "utf-8")
    return folder


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return quantised_tiny_model(tmp_path / "tiny")


@pytest.fixture
def without_wasmtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "wasmtime", None)
    packed_products._compiled.cache_clear()
    yield
    packed_products._compiled.cache_clear()


def random_adapter(model: BaseModel, scale: float = 0.1) -> Adapter:
    adapter = Adapter.initial(model.config, rank=4)
    values = np.random.default_rng(3).standard_normal(adapter.vector.shape)
    adapter.vector[:] = values * scale
    return adapter


def some_ids(count: int) -> list[int]:
    return [int(token) for token in np.random.default_rng(0).integers(3, 259, count)]


def logits_of(decoder: Decoder, ids: Sequence[int], adapter: Adapter | None, chunk: int) -> Array:
    cache = KeyValueCache(decoder.config)
    parts = [
        decoder.forward([Segment(cache, ids[start : start + chunk], adapter, Wanted.ALL)])[0]
        for start in range(0, len(ids), chunk)
    ]
    return np.concatenate(parts)


@pytest.mark.parametrize("feed_forward", [64, 48])
@pytest.mark.parametrize("chunk", [1, 3, 64])
@pytest.mark.parametrize("adapted", [False, True])
def test_logits_are_those_of_a_float64_forward_pass(
    tmp_path: Path, feed_forward: int, chunk: int, adapted: bool
) -> None:
    folder = quantised_tiny_model(tmp_path / "tiny", feed_forward)
    model = load_base_model(folder)
    products, words = open_products(folder, model.weights)
    assert words.startswith("packed")
    ids, adapter = some_ids(64), random_adapter(model) if adapted else None
    found = logits_of(Decoder(model, 64, products), ids, adapter, chunk)
    assert np.abs(found - reference_logits(model, ids, adapter)).max() < TOLERANCE


def test_prompts_are_read_with_the_very_numbers_of_float32(tiny: Path) -> None:
    model = load_base_model(tiny)
    products, _ = open_products(tiny, model.weights)
    ids = some_ids(64)
    packed = logits_of(Decoder(model, 64, products), ids, None, 64)
    assert np.array_equal(packed, logits_of(Decoder(model, 64), ids, None, 64))


def test_the_packed_file_is_made_at_the_first_opening_and_used_from_then_on(tiny: Path) -> None:
    weights = load_base_model(tiny).weights
    open_products(tiny, weights)
    made = (tiny / PACKED).stat()
    tensors = open_tensors(tiny / PACKED)
    assert set(tensors) == {
        "output",
        *(f"layers.{n}.{name}" for n in (0, 1) for name in ("qkv", "attention_out", "gate_up", "down")),
    }
    open_products(tiny, weights)
    assert (tiny / PACKED).stat() == made


@pytest.mark.parametrize("damage", ["other weights", "cut off", "no file of tensors"])
def test_a_packed_file_of_something_else_is_made_anew(tiny: Path, tmp_path: Path, damage: str) -> None:
    model = load_base_model(tiny)
    open_products(tiny, model.weights)
    good = (tiny / PACKED).read_bytes()
    other = quantised_tiny_model(tmp_path / "other", seed=1)
    open_products(other, load_base_model(other).weights)
    bad = {
        "other weights": (other / PACKED).read_bytes(),
        "cut off": good[: len(good) // 2],
        "no file of tensors": b"{}",
    }
    (tiny / PACKED).write_bytes(bad[damage])
    products, words = open_products(tiny, model.weights)
    assert words.startswith("packed")
    assert (tiny / PACKED).read_bytes() == good
    found = logits_of(Decoder(model, 64, products), some_ids(20), None, 1)
    assert np.abs(found - reference_logits(model, some_ids(20))).max() < TOLERANCE


def test_a_folder_that_can_not_be_written_is_served_packed_all_the_same(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("tui.engine.llama.packed_weights.write_bytes", refuse)
    _, words = open_products(tiny, load_base_model(tiny).weights)
    assert words.startswith("packed")
    assert not (tiny / PACKED).exists()


def test_without_wasmtime_the_same_model_is_served_from_float32(tiny: Path, without_wasmtime: None) -> None:
    model = load_base_model(tiny)
    products, words = open_products(tiny, model.weights)
    assert words.startswith("float32: wasmtime can't be imported")
    ids = some_ids(20)
    found = logits_of(Decoder(model, 64, products), ids, None, 1)
    assert np.array_equal(found, logits_of(Decoder(model, 64), ids, None, 1))


def test_a_model_that_was_never_quantised_is_served_from_float32(tmp_path: Path) -> None:
    folder = make_tiny_base_model(tmp_path / "tiny")
    _, words = open_products(folder, load_base_model(folder).weights)
    assert words == "float32: its weights were never quantised"
    assert not (folder / PACKED).exists()


def greedy(
    decoder: Decoder, prompt: Sequence[int], adapter: Adapter | None, count: int
) -> tuple[list[int], Array]:
    """Return the likeliest continuation and the logits that it was chosen by."""
    cache, written, chosen_by = KeyValueCache(decoder.config), [], []
    logits = decoder.forward([Segment(cache, prompt, adapter)])[0][-1]
    for _ in range(count):
        written.append(int(logits.argmax()))
        chosen_by.append(logits)
        logits = decoder.forward([Segment(cache, written[-1:], adapter)])[0][-1]
    return written, np.array(chosen_by)


@pytest.mark.real_model
@pytest.mark.parametrize("tuned", [False, True])
def test_the_real_model_writes_the_same_text_packed_as_in_float32(real_base_model: Path, tuned: bool) -> None:
    model = load_base_model(real_base_model)
    products, words = open_products(real_base_model, model.weights)
    assert words == "packed: 111 MB read for each token"
    adapter = random_adapter(model, 0.02) if tuned else None
    packed, dense = Decoder(model, 64, products), Decoder(model, 64)
    # Threads that wait for each other in a loop take minutes beside other tests.
    with threadpool_limits(limits=1, user_api="blas"):
        for prompt in PROMPTS:
            ids = list(model.tokenizer.encode(prompt))
            text, logits = greedy(packed, ids, adapter, 24)
            expected, expected_logits = greedy(dense, ids, adapter, 24)
            assert text == expected
            assert np.abs(logits - expected_logits).max() < SAME_LOGITS
