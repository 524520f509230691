"""Remembered prompts: the longest beginning is found, kept apart by model, within its memory."""

from __future__ import annotations

import pytest

from tests.engine.tiny_model import tiny_config
from tui.engine.serving.key_value_cache import BLOCK, KeyValueCache, PromptCache, common_prefix


def remembered(ids: list[int]) -> KeyValueCache:
    cache = KeyValueCache(tiny_config(), len(ids))
    cache.ids = list(ids)
    for number, token in enumerate(ids):
        cache.keys[:, :, number] = token
        cache.values[:, :, number] = -token
    return cache


def test_the_next_turn_takes_over_the_whole_cache_of_the_last() -> None:
    prompts, first = PromptCache(), remembered([1, 2, 3])
    prompts.store("model", first)
    assert prompts.take("model", [1, 2, 3, 4]) is first
    assert prompts.take("model", [1, 2, 3, 4]) is None


def test_a_branch_gets_a_copy_and_the_original_stays() -> None:
    prompts = PromptCache()
    prompts.store("model", remembered([1, 2, 3, 4]))
    branch = prompts.take("model", [1, 2, 9, 9])
    assert branch is not None
    assert branch.ids == [1, 2]
    assert branch.keys[0, 0, :2, 0].tolist() == [1, 2]
    branch.keys[:] = 0
    again = prompts.take("model", [1, 2, 3, 4, 5])
    assert again is not None
    assert again.keys[0, 0, :4, 0].tolist() == [1, 2, 3, 4]


def test_the_last_token_is_always_left_to_read() -> None:
    prompts = PromptCache()
    prompts.store("model", remembered([1, 2, 3]))
    taken = prompts.take("model", [1, 2, 3])
    assert taken is not None
    assert taken.ids == [1, 2]


def test_models_do_not_share_and_a_deleted_one_is_forgotten() -> None:
    prompts = PromptCache()
    prompts.store("one", remembered([1, 2, 3]))
    assert prompts.take("two", [1, 2, 3, 4]) is None
    prompts.forget("one")
    assert prompts.take("one", [1, 2, 3, 4]) is None
    assert prompts.nbytes == 0


def test_memory_stays_within_its_limit_and_the_oldest_goes_first() -> None:
    size = remembered([1]).nbytes
    prompts = PromptCache(limit=2 * size)
    for start in (10, 20, 30):
        prompts.store("model", remembered([start, start + 1]))
    assert prompts.nbytes == 2 * size
    assert prompts.take("model", [10, 11, 12]) is None
    assert prompts.take("model", [20, 21, 22]) is not None


def test_a_cache_that_only_goes_on_from_another_replaces_it() -> None:
    prompts = PromptCache()
    prompts.store("model", remembered([1, 2]))
    prompts.store("model", remembered([1, 2, 3]))
    assert prompts.nbytes == remembered([1]).nbytes


def test_room_grows_and_keeps_what_was_there() -> None:
    cache = remembered([5, 6])
    cache.make_room(3 * BLOCK)
    assert cache.keys.shape[2] >= 2 + 3 * BLOCK
    assert cache.keys[1, 1, :2, 3].tolist() == [5, 6]
    assert cache.values[1, 1, :2, 3].tolist() == [-5, -6]


@pytest.mark.parametrize(
    ("left", "right", "length"), [([], [1], 0), ([1, 2], [1, 2], 2), ([1, 2, 3], [1, 9, 3], 1), ([7], [8], 0)]
)
def test_common_prefix(left: list[int], right: list[int], length: int) -> None:
    assert common_prefix(left, right) == length
