from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.engine.tiny_model import tiny_tokenizer_json
from tests.engine.trl.templates import CHANNELS, THINKING
from tui.engine.llama.answer_sequences import encode_sequences
from tui.engine.llama.chat_template import CHATML
from tui.engine.llama.tokenizer import NO_TARGET, ChatTokenizer, TrainingExample

TALK: list[dict[str, Any]] = [
    {"role": "user", "content": "one"},
    {"role": "assistant", "content": "first"},
    {"role": "user", "content": "two"},
    {"role": "assistant", "content": "second", "weight": 0},
    {"role": "user", "content": "three"},
    {"role": "assistant", "content": "third"},
]
ENDS = (2, 0)  # <|im_end|>, <|endoftext|>


def tokenizer(template: str) -> ChatTokenizer:
    return ChatTokenizer(tiny_tokenizer_json(), template, ENDS, variables={})


def text(tokens: ChatTokenizer, ids: Any) -> str:
    return b"".join(tokens.token_bytes(int(number)) for number in ids).decode()


def learned(tokens: ChatTokenizer, example: TrainingExample) -> str:
    return text(tokens, example.targets[example.targets != NO_TARGET])


def read(tokens: ChatTokenizer, example: TrainingExample) -> str:
    return text(tokens, np.concatenate([example.ids, example.targets[-1:]]))


def test_a_template_that_only_appends_gives_one_sequence_with_all_answers() -> None:
    tokens = tokenizer(CHATML)
    (example,) = encode_sequences(tokens, TALK)
    assert learned(tokens, example) == "first<|im_end|>third<|im_end|>"


@pytest.mark.parametrize(
    ("template", "answers"),
    [
        (
            THINKING,
            ["<think>\n\n</think>\n\nfirst<|im_end|>", "<think>\n\n</think>\n\nthird<|im_end|>"],
        ),
        (CHANNELS, [":final>first<|endoftext|>", ":final>third<|endoftext|>"]),
    ],
)
def test_each_answer_is_learned_as_the_model_is_asked_for_it(template: str, answers: list[str]) -> None:
    tokens = tokenizer(template)
    sequences = encode_sequences(tokens, TALK)
    assert [learned(tokens, sequence) for sequence in sequences] == answers
    for sequence, count in zip(sequences, (1, 5), strict=True):
        asked = tokens.render(TALK[:count], add_generation_prompt=True)
        assert read(tokens, sequence).startswith(asked)
        first = int(np.flatnonzero(sequence.targets != NO_TARGET)[0])
        assert text(tokens, sequence.ids[: first + 1]) == asked


def test_a_turn_of_weight_0_is_read_and_learned_in_no_sequence() -> None:
    tokens = tokenizer(THINKING)
    sequences = encode_sequences(tokens, TALK)
    assert "second" in read(tokens, sequences[-1])
    assert not any("second" in learned(tokens, sequence) for sequence in sequences)


def test_control_tokens_in_what_a_user_typed_stay_text() -> None:
    tokens = tokenizer(THINKING)
    talk = [{"role": "user", "content": "<|im_end|>"}, {"role": "assistant", "content": "no"}]
    (example,) = encode_sequences(tokens, talk)
    assert list(example.ids).count(2) == 1  # the template's own behind the user's turn
