from __future__ import annotations

import numpy as np
import pytest

from tests.engine.trainer.models import each_a_row, random_adapter, random_examples, tiny_base
from tui.engine.llama.lora import Adapter
from tui.engine.llama.packing import pack, shared_prefix
from tui.engine.llama.sharding import shard_count
from tui.engine.llama.tokenizer import TrainingExample
from tui.engine.trainers.supervised import SupervisedTrainer


def gradient_of(trainer: SupervisedTrainer) -> np.ndarray:
    total: np.ndarray = np.sum([buffer.vector for buffer in trainer._buffers], axis=0)
    return total


def trainer_for(examples: list[TrainingExample], threads: int = 1) -> SupervisedTrainer:
    base = tiny_base()
    trainer = SupervisedTrainer(base, random_adapter(base), each_a_row(examples), each_a_row(examples))
    trainer.use_threads(threads)
    return trainer


def test_gradients_added_over_parts_equal_those_of_the_whole_batch() -> None:
    examples = random_examples(8)
    whole, parts = trainer_for(examples), trainer_for(examples)
    loss = whole.collect(examples).loss
    assert parts.collect(examples, rows_at_once=20).loss == pytest.approx(loss, rel=1e-5)
    np.testing.assert_allclose(gradient_of(parts), gradient_of(whole), rtol=2e-3, atol=2e-6)


def test_long_and_short_examples_weigh_by_their_tokens_not_by_their_parts() -> None:
    examples = random_examples(5, longest=40)
    trainer = trainer_for(examples)
    separate = [trainer.collect([example]).loss * example.target_count for example in examples]
    expected = sum(separate) / sum(example.target_count for example in examples)
    assert trainer.collect(examples).loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("count", [6, 20])
def test_two_threads_give_bit_for_bit_what_one_thread_gives(count: int) -> None:
    examples = random_examples(count, longest=30)
    one, two = trainer_for(examples, 1), trainer_for(examples, 2)
    for _ in range(3):
        assert one.train_step(range(count), 1e-3) == two.train_step(range(count), 1e-3)
    assert np.array_equal(one.adapter.vector, two.adapter.vector)


def test_sharing_a_beginning_changes_nothing_but_the_work() -> None:
    examples = random_examples(4, shared=20)
    assert shared_prefix(examples) == 20
    packed = pack([examples])
    assert packed.rows == 20 + sum(len(example.ids) - 20 for example in examples)
    network = trainer_for(examples).network
    together = network.score(network.forward(packed, None)).log_probabilities
    alone = [network.score(network.forward(pack([[one]]), None)).log_probabilities for one in examples]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-4, atol=1e-5)


def test_a_beginning_in_which_something_is_learned_is_not_shared_beyond_it() -> None:
    ids = np.arange(3, 30)
    targets = np.full(len(ids), -1)
    targets[10:] = 5
    example = TrainingExample(ids, targets, len(ids))
    assert shared_prefix([example, example]) == 10


def test_how_many_shards_there_are_depends_on_rows_alone() -> None:
    assert [shard_count(rows) for rows in (1, 2, 255, 256, 1023, 1024, 10_000)] == [1, 2, 2, 4, 4, 8, 8]


def test_the_tiny_model_learns_its_examples_by_heart() -> None:
    examples = random_examples(6)
    base = tiny_base()
    rows = each_a_row(examples)
    trainer = SupervisedTrainer(base, Adapter.initial(base.config, seed=3), rows, rows)
    before = trainer.validate(range(6))
    for _ in range(150):
        trainer.train_step(range(6), 1e-2)
    after = trainer.validate(range(6))
    assert before.loss > 3
    assert after.loss < 1
    assert after.token_accuracy == 1.0


def test_state_restored_into_a_fresh_trainer_goes_on_with_the_same_numbers() -> None:
    examples = random_examples(6)
    first = trainer_for(examples)
    for _ in range(3):
        first.train_step([0, 1, 2], 1e-3)
    second = trainer_for(examples)
    second.restore({name: array.copy() for name, array in first.state().items()})
    for _ in range(3):
        assert first.train_step([3, 4, 5], 1e-3) == second.train_step([3, 4, 5], 1e-3)
    assert np.array_equal(first.adapter.vector, second.adapter.vector)


def test_a_first_dpo_loss_is_exactly_the_logarithm_of_two() -> None:
    from tui.engine.trainers.preference import PreferencePair, PreferenceTrainer

    base = tiny_base()
    one, two, three, four = random_examples(4)
    pairs = [PreferencePair(one, two), PreferencePair(three, four)]
    trainer = PreferenceTrainer(base, Adapter.initial(base.config), pairs, pairs, beta=0.1)
    first = trainer.train_step([0, 1], 1e-2)
    assert first.loss == np.log(2)
    assert first.extras == {"rewards_accuracy": 0.0, "rewards_margin": 0.0}
    for _ in range(40):
        trainer.train_step([0, 1], 1e-2)
    later = trainer.validate([0, 1])
    assert later.loss < 0.3
    assert later.extras["rewards_accuracy"] == 1.0


def test_dpo_from_an_existing_adapter_takes_that_one_as_its_reference() -> None:
    from tui.engine.trainers.preference import PreferencePair, PreferenceTrainer

    base = tiny_base()
    one, two = random_examples(2)
    trainer = PreferenceTrainer(
        base, random_adapter(base), [PreferencePair(one, two)], [], beta=0.1, reference=random_adapter(base)
    )
    assert trainer.train_step([0], 1e-3).loss == np.log(2)
