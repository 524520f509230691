from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.tiny_model import tiny_tokenizer_json
from tests.engine.trl.templates import THINKING
from tui.engine.llama.chat_template import CHATML
from tui.engine.llama.tokenizer import NO_TARGET, ChatTokenizer
from tui.engine.trainers.training_data import BadTrainingFile, Reading, read_supervised
from tui.engine.trl.batches import IGNORED, ids_and_labels
from tui.engine.trl.rows import read_examples
from tui.engine.trl.team import Team


def written(folder: Path, *rows: Any) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def chat(*turns: tuple[str, str], weight: int = 1) -> dict[str, Any]:
    messages = [{"role": role, "content": content} for role, content in turns]
    messages[-1] = {**messages[-1], "weight": weight}  # type: ignore[dict-item]
    return {"messages": messages}


def tokenizer(template: str = CHATML) -> ChatTokenizer:
    return ChatTokenizer(tiny_tokenizer_json(), template, (2,), variables={})


def test_rows_of_an_appending_template_are_exactly_those_of_the_embedded_trainer(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        chat(("system", "s"), ("user", "hello"), ("assistant", "yes")),
        chat(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), weight=0),
        {"prompt": "1 + 1 =", "completion": " 2"},
    )
    ours = read_examples(path, "supervised", tokenizer(), 40, Reading())
    embedded = read_supervised(path, tokenizer(), 40, Reading())
    assert len(ours) == len(embedded) == 3
    for one, other in zip(ours, embedded, strict=True):
        (sequence,), (same,) = one.sequences, other.sequences
        assert np.array_equal(sequence.ids, same.ids)
        assert np.array_equal(sequence.targets, same.targets)
        assert one.token_count == other.token_count


def test_what_is_cut_and_what_has_nothing_to_learn_is_counted(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        chat(("user", "x"), ("assistant", "y" * 300)),
        chat(("user", "x"), ("assistant", "y"), weight=0),
    )
    reading = Reading()
    assert len(read_examples(path, "supervised", tokenizer(), 50, reading)) == 1
    assert (reading.truncated, reading.skipped) == (1, 1)


def test_a_row_that_cannot_be_learned_is_named_by_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, chat(("user", "x"), ("assistant", "y")), {"prompt": "x"})
    with pytest.raises(BadTrainingFile, match="Line 2"):
        read_examples(path, "supervised", tokenizer(), 50, Reading())


def test_an_answer_of_two_turns_that_the_template_writes_anew_is_refused_by_name(tmp_path: Path) -> None:
    turns = [
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "b"},
        {"role": "assistant", "content": "c"},
    ]
    row = {
        "input": {"messages": [{"role": "user", "content": "x"}]},
        "preferred_output": turns,
        "non_preferred_output": [{"role": "assistant", "content": "n"}],
    }
    with pytest.raises(BadTrainingFile, match="2 assistant turns"):
        read_examples(written(tmp_path, row), "dpo", tokenizer(THINKING), 500, Reading())


def test_labels_are_the_targets_unshifted(tmp_path: Path) -> None:
    path = written(tmp_path, chat(("user", "x"), ("assistant", "y")))
    (example,) = read_examples(path, "supervised", tokenizer(), 50, Reading())
    (sequence,) = example.sequences
    ids, labels = ids_and_labels(sequence)
    assert labels[0] == IGNORED
    assert np.array_equal(ids[:-1], sequence.ids)
    learned = labels != IGNORED
    assert np.array_equal(ids[learned], sequence.targets[sequence.targets != NO_TARGET])
    assert int(learned.sum()) == example.target_count


@given(st.integers(1, 7), st.lists(st.integers(), max_size=40))
def test_a_team_shares_a_batch_without_losing_or_doubling_an_example(size: int, batch: list[int]) -> None:
    shares = [Team(rank, size).share(batch) for rank in range(size)]
    assert sorted(number for share in shares for number in share) == sorted(batch)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
