"""Text completions over real HTTP with the real client."""

from __future__ import annotations

import math
from typing import Any

import openai
import pytest

from tests.engine.serving.conftest import NEVER_END, TUNED_NAME, RunningEngine, TinyModels
from tests.engine.serving.reference import reference_logprobs
from tests.engine.tiny_model import TINY_NAME

PROMPT = "The rain in the hall 1é"


def complete(engine: RunningEngine, **options: Any) -> Any:
    defaults: dict[str, Any] = {"model": TINY_NAME, "prompt": PROMPT, "logit_bias": NEVER_END, "seed": 1}
    return engine.client().completions.create(**{**defaults, **options})


@pytest.mark.parametrize("model", [TINY_NAME, TUNED_NAME])
def test_echoed_logprobs_without_new_tokens_are_those_of_a_direct_forward_pass(
    engine: RunningEngine, tiny_models: TinyModels, model: str
) -> None:
    base = tiny_models.base()
    ids = base.tokenizer.encode(PROMPT * 20)
    answer = complete(engine, model=model, prompt=PROMPT * 20, echo=True, logprobs=2, max_tokens=0)
    choice = answer.choices[0]
    scores = reference_logprobs(base, ids, tiny_models.adapter() if model == TUNED_NAME else None)
    expected = [scores[place, token] for place, token in enumerate(ids[1:])]
    assert choice.text == PROMPT * 20
    assert choice.logprobs.token_logprobs[0] is None
    assert choice.logprobs.top_logprobs[0] is None
    assert choice.logprobs.token_logprobs[1:] == pytest.approx(expected, abs=1e-3)
    assert len(choice.logprobs.tokens) == len(ids) == answer.usage.prompt_tokens
    assert answer.usage.completion_tokens == 0
    perplexity = math.exp(-sum(choice.logprobs.token_logprobs[1:]) / (len(ids) - 1))
    assert perplexity == pytest.approx(math.exp(-sum(expected) / len(expected)), rel=1e-3)


def test_offsets_and_tokens_of_echo_and_answer_go_on_without_a_gap(engine: RunningEngine) -> None:
    choice = complete(engine, echo=True, logprobs=1, max_tokens=6, prompt="plain text").choices[0]
    position = 0
    for token, offset in zip(choice.logprobs.tokens, choice.logprobs.text_offset, strict=True):
        assert offset == position
        position += len(token)
    assert choice.text.startswith("plain text")
    assert len(choice.text) > len("plain text")
    assert len(choice.logprobs.tokens) == len(choice.logprobs.top_logprobs)


@pytest.mark.parametrize(
    "options", [{}, {"echo": True}, {"logprobs": 3}, {"echo": True, "logprobs": 3, "n": 2}]
)
def test_a_streamed_completion_is_the_plain_one(engine: RunningEngine, options: dict[str, Any]) -> None:
    plain = complete(engine, max_tokens=12, **options)
    chunks = list(complete(engine, max_tokens=12, stream=True, **options))
    for choice in plain.choices:
        parts = [part for chunk in chunks for part in chunk.choices if part.index == choice.index]
        assert "".join(part.text for part in parts) == choice.text
        assert parts[-1].finish_reason == choice.finish_reason == "length"
        if choice.logprobs:
            tokens = [token for part in parts if part.logprobs for token in part.logprobs.tokens]
            assert tokens == choice.logprobs.tokens


def test_several_prompts_and_answers_are_numbered_prompt_by_prompt(engine: RunningEngine) -> None:
    both = complete(engine, prompt=["one", "two"], n=2, max_tokens=5)
    alone = [complete(engine, prompt=prompt, max_tokens=5).choices[0].text for prompt in ("one", "two")]
    assert [choice.index for choice in both.choices] == [0, 1, 2, 3]
    assert [both.choices[0].text, both.choices[2].text] == alone
    assert both.usage.completion_tokens == 20


def test_token_ids_are_prompts_too(engine: RunningEngine, tiny_models: TinyModels) -> None:
    ids = tiny_models.base().tokenizer.encode(PROMPT)
    texts = {complete(engine, prompt=prompt).choices[0].text for prompt in (PROMPT, ids, [ids])}
    assert len(texts) == 1


def test_sixteen_tokens_unless_told_otherwise(engine: RunningEngine) -> None:
    assert complete(engine).usage.completion_tokens == 16


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"suffix": "x"}, "suffix"),
        ({"best_of": 3}, "best_of"),
        ({"prompt": [[99999]]}, "token ids"),
        ({"prompt": []}, "prompts"),
        ({"max_tokens": 3000}, "maximum context length is 2048 tokens, however you requested"),
        ({"logprobs": 6}, "Invalid 'logprobs': integer above maximum value"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    engine: RunningEngine, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=words):
        complete(engine, **options)
