"""The forward pass of serving agrees with a plain one, however a text is cut and whoever else is served."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.engine.serving.conftest import TinyModels
from tests.engine.serving.reference import reference_logits
from tui.engine.llama.base_model import BaseModel
from tui.engine.llama.lora import Adapter
from tui.engine.serving.decoder import Decoder, Segment, Wanted
from tui.engine.serving.key_value_cache import KeyValueCache
from tui.engine.serving.matrix_products import DenseProduct

TOLERANCE = 2e-4


@pytest.fixture(scope="module")
def model(tiny_models: TinyModels) -> BaseModel:
    return tiny_models.base()


@pytest.fixture(scope="module")
def adapter(tiny_models: TinyModels) -> Adapter:
    return tiny_models.adapter()


def some_ids(count: int, seed: int = 0) -> list[int]:
    return [int(token) for token in np.random.default_rng(seed).integers(3, 259, count)]


def read(
    decoder: Decoder, cache: KeyValueCache, ids: Sequence[int], adapter: Adapter | None = None
) -> NDArray[np.float32]:
    return decoder.forward([Segment(cache, ids, adapter, Wanted.ALL)])[0]


@pytest.mark.parametrize("chunk", [1, 3, 7, 64, 300])
@pytest.mark.parametrize("adapted", [False, True])
def test_logits_are_the_same_however_the_prompt_is_cut(
    model: BaseModel, adapter: Adapter, chunk: int, adapted: bool
) -> None:
    ids, used = some_ids(300), adapter if adapted else None
    decoder, cache = Decoder(model, 300), KeyValueCache(model.config)
    parts = [read(decoder, cache, ids[start : start + chunk], used) for start in range(0, len(ids), chunk)]
    assert np.abs(np.concatenate(parts) - reference_logits(model, ids, used)).max() < TOLERANCE


def test_greedy_answers_with_a_cache_are_those_of_a_full_forward_pass_at_every_step(model: BaseModel) -> None:
    decoder, cache = Decoder(model, 32), KeyValueCache(model.config)
    ids = some_ids(20)
    logits = read(decoder, cache, ids)[-1]
    for _ in range(30):
        expected = reference_logits(model, ids)[-1]
        assert np.abs(logits - expected).max() < TOLERANCE
        assert logits.argmax() == expected.argmax()
        # The tiny model would repeat its last token for ever: take the likeliest new one.
        logits[ids], expected[ids] = -np.inf, -np.inf
        token = int(logits.argmax())
        assert token == int(expected.argmax())
        ids.append(token)
        logits = read(decoder, cache, [token])[-1]


def test_sequences_served_together_get_what_each_gets_alone(model: BaseModel, adapter: Adapter) -> None:
    decoder = Decoder(model, 64)
    adapters = [None, adapter, None, adapter, adapter]
    prompts = [some_ids(5 + 4 * number, number) for number in range(5)]
    caches = [KeyValueCache(model.config) for _ in prompts]
    for cache, prompt, used in zip(caches, prompts, adapters, strict=True):
        read(decoder, cache, prompt, used)
    steps = [Segment(cache, [9], used) for cache, used in zip(caches, adapters, strict=True)]
    late_prompt = some_ids(12, 99)
    late = Segment(KeyValueCache(model.config), late_prompt, adapter)
    together = decoder.forward([*steps, late])
    for row, prompt, used in zip(together, [*prompts, late_prompt], [*adapters, adapter], strict=True):
        whole = prompt if prompt is late_prompt else [*prompt, 9]
        assert np.abs(row[0] - reference_logits(model, whole, used)[-1]).max() < TOLERANCE


def test_attention_in_blocks_is_the_same_attention(model: BaseModel, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = some_ids(120)
    whole = read(Decoder(model, 128), KeyValueCache(model.config), ids)
    monkeypatch.setattr("tui.engine.serving.decoder.MAX_SCORES", 4 * 120 * 7)
    blocked = read(Decoder(model, 128), KeyValueCache(model.config), ids)
    assert np.abs(whole - blocked).max() < TOLERANCE


def test_what_the_last_layer_leaves_out_changes_no_logits_of_what_is_read_next_or_beside(
    model: BaseModel, adapter: Adapter
) -> None:
    decoder = Decoder(model, 128)
    prompts, adapters = [some_ids(40 + number, number) for number in range(4)], [None, adapter, adapter, None]
    caches = [KeyValueCache(model.config) for _ in prompts]
    wanted = [Wanted.NONE, Wanted.LAST, Wanted.NONE, Wanted.ALL]
    first = decoder.forward(
        [
            Segment(cache, prompt[:25], used, which)
            for cache, prompt, used, which in zip(caches, prompts, adapters, wanted, strict=True)
        ]
    )
    for logits, prompt, used, which in zip(first, prompts, adapters, wanted, strict=True):
        expected = reference_logits(model, prompt[:25], used)
        if which is not Wanted.NONE:
            assert np.abs(logits - expected[-len(logits) :]).max() < TOLERANCE
    for cache, prompt, used in zip(caches, prompts, adapters, strict=True):
        (rest,) = decoder.forward([Segment(cache, prompt[25:], used)])
        assert np.abs(rest[-1] - reference_logits(model, prompt, used)[-1]).max() < TOLERANCE


def test_the_last_layer_multiplies_only_the_rows_whose_logits_are_wanted(
    model: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    multiplied: list[int] = []
    multiply = DenseProduct.__call__

    def counted(product: DenseProduct, rows: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        multiplied.append(len(rows))
        multiply(product, rows, out)

    monkeypatch.setattr(DenseProduct, "__call__", counted)
    decoder = Decoder(model, 64)
    decoder.forward([Segment(KeyValueCache(model.config), some_ids(30), None, Wanted.LAST)])
    assert multiplied[-5:] == [30, 1, 1, 1, 1]  # keys of all; then the feed-forward, and the vocabulary
    multiplied.clear()
    decoder.forward([Segment(KeyValueCache(model.config), some_ids(30), None, Wanted.NONE)])
    assert multiplied == [30, 30, 30, 30] * (model.config.layers - 1) + [30]


def test_only_the_wanted_positions_get_logits(model: BaseModel) -> None:
    decoder = Decoder(model, 64)
    segments = [Segment(KeyValueCache(model.config), some_ids(9), None, wanted) for wanted in Wanted]
    shapes = [logits.shape for logits in decoder.forward(segments)]
    assert dict(zip(Wanted, (shape[0] for shape in shapes), strict=True)) == {
        Wanted.NONE: 0,
        Wanted.LAST: 1,
        Wanted.ALL: 9,
    }
