"""Chat completions over real HTTP with the real client."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from tests.engine.serving.conftest import NEVER_END, TUNED_NAME, RunningEngine, TinyModels, running_engine
from tests.engine.serving.reference import reference_logprobs
from tests.engine.tiny_model import TINY_NAME
from tests.support import wait_until
from tui.engine.serving.scheduler import MAX_RUNNING

HELLO: list[Any] = [{"role": "user", "content": "Say hello, in json if you like."}]


def ask(engine: RunningEngine, **options: Any) -> Any:
    defaults: dict[str, Any] = {
        "model": TINY_NAME,
        "messages": HELLO,
        "max_tokens": 40,
        "logit_bias": NEVER_END,
    }
    return engine.client().chat.completions.create(**{**defaults, **options})


def text_of(answer: Any, choice: int = 0) -> str:
    return str(answer.choices[choice].message.content)


def streamed(engine: RunningEngine, **options: Any) -> tuple[str, list[Any]]:
    chunks = list(ask(engine, stream=True, **options))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    return text, chunks


@pytest.mark.parametrize("model", [TINY_NAME, TUNED_NAME])
@pytest.mark.parametrize("temperature", [0, 1.3])
def test_a_streamed_answer_is_the_plain_answer_for_the_same_seed(
    engine: RunningEngine, model: str, temperature: float
) -> None:
    options = {"model": model, "temperature": temperature, "seed": 7, "top_p": 0.9}
    plain = ask(engine, **options)
    text, chunks = streamed(engine, **options)
    assert text == text_of(plain)
    assert text
    assert chunks[-1].choices[0].finish_reason == plain.choices[0].finish_reason == "length"
    assert chunks[0].choices[0].delta.role == "assistant"


def test_seeds_repeat_and_differ(engine: RunningEngine) -> None:
    texts = [text_of(ask(engine, seed=seed)) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_the_adapter_changes_the_answer(engine: RunningEngine) -> None:
    base, tuned = (text_of(ask(engine, model=model, seed=1)) for model in (TINY_NAME, TUNED_NAME))
    assert base != tuned


def test_n_answers_differ_under_one_seed_and_the_first_is_the_single_one(engine: RunningEngine) -> None:
    single = ask(engine, seed=5)
    several = ask(engine, seed=5, n=12)
    texts = [text_of(several, number) for number in range(12)]
    assert texts[0] == text_of(single)
    assert len(set(texts)) > 6
    assert [choice.index for choice in several.choices] == list(range(12))
    assert several.usage.completion_tokens == 12 * 40
    assert several.usage.prompt_tokens == single.usage.prompt_tokens


def test_usage_comes_in_the_last_chunk_when_asked_for(engine: RunningEngine) -> None:
    _, chunks = streamed(engine, stream_options={"include_usage": True}, seed=1)
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 40
    assert chunks[-1].usage.total_tokens == chunks[-1].usage.prompt_tokens + 40
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_a_stop_string_across_tokens_ends_the_answer_before_it(engine: RunningEngine) -> None:
    whole = text_of(ask(engine, seed=4))
    stop = whole[9:13]
    for options in ({}, {"stream": True}):
        if options:
            text, chunks = streamed(engine, seed=4, stop=[stop, "never written"])
            reason = chunks[-1].choices[0].finish_reason
        else:
            answer = ask(engine, seed=4, stop=stop)
            text, reason = text_of(answer), answer.choices[0].finish_reason
        assert text == whole[: whole.find(stop)]
        assert reason == "stop"


def test_the_end_token_ends_the_answer_and_is_not_shown(engine: RunningEngine) -> None:
    answer = ask(engine, logit_bias={"2": 100})
    assert text_of(answer) == ""
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens == 1


def test_logprobs_are_those_of_a_direct_forward_pass(engine: RunningEngine, tiny_models: TinyModels) -> None:
    answer = ask(engine, temperature=0, logprobs=True, top_logprobs=20, max_tokens=8)
    entries = answer.choices[0].logprobs.content
    model = tiny_models.base()
    ids = model.tokenizer.encode_chat(HELLO)
    assert len(entries) == 8
    for entry in entries:
        expected = reference_logprobs(model, ids)[-1]
        by_bytes = {model.tokenizer.token_bytes(token): token for token in range(len(expected))}
        token = by_bytes[bytes(entry.bytes)]
        assert entry.logprob == pytest.approx(expected[token], abs=1e-3)
        assert sum(math.exp(other.logprob) for other in entry.top_logprobs) <= 1.0001
        best = [other.logprob for other in entry.top_logprobs]
        assert best == sorted(best, reverse=True)
        assert best == pytest.approx(sorted(expected, reverse=True)[:20], abs=1e-3)
        ids.append(token)


def test_streamed_logprobs_are_the_plain_ones(engine: RunningEngine) -> None:
    options = {"seed": 3, "logprobs": True, "top_logprobs": 2}
    plain = [entry.token for entry in ask(engine, **options).choices[0].logprobs.content]
    _, chunks = streamed(engine, **options)
    parts = [chunk.choices[0].logprobs for chunk in chunks if chunk.choices[0].logprobs]
    assert [entry.token for part in parts for entry in part.content] == plain


def test_json_mode_writes_json_and_whole_characters(engine: RunningEngine) -> None:
    bias = {**NEVER_END, **{str(3 + _letter(byte)): 8 for byte in b'"}\xe2\xc3\xa9'}}
    finished = 0
    for seed in range(6):
        options = {"response_format": {"type": "json_object"}, "seed": seed, "max_tokens": 300}
        answer = ask(engine, logit_bias=bias, **options)
        text, _ = streamed(engine, logit_bias=bias, **options)
        assert text == text_of(answer)
        assert "\ufffd" not in text
        if answer.choices[0].finish_reason == "stop":
            finished += 1
            assert isinstance(json.loads(text), dict)
    assert finished


def _letter(byte: int) -> int:
    from tui.datasets.byte_level import byte_letters

    return list(byte_letters().values()).index(byte)


def test_characters_of_several_bytes_are_streamed_whole(engine: RunningEngine) -> None:
    wide = {str(3 + _letter(byte)): 60 for byte in b"\xe2\xc3\xa9\xf0\x9f\x98"}
    bias = {**NEVER_END, **wide, str(3 + _letter(ord('"'))): 20, str(3 + _letter(ord("}"))): -60}
    text, chunks = streamed(
        engine, logit_bias=bias, response_format={"type": "json_object"}, seed=1, max_tokens=120
    )
    assert any(ord(letter) > 127 for letter in text)
    assert "\ufffd" not in text
    assert len(chunks) > 10


def test_the_next_turn_reads_only_what_is_new_and_answers_the_same(tiny_models: TinyModels) -> None:
    with running_engine(tiny_models) as engine:
        first = ask(engine, seed=2)
        assert first.usage.prompt_tokens_details.cached_tokens == 0
        longer = [*HELLO, {"role": "assistant", "content": "abc"}, {"role": "user", "content": "and now?"}]
        second = ask(engine, seed=2, messages=longer)
        repeated = ask(engine, seed=2, messages=longer)
        assert second.usage.prompt_tokens_details.cached_tokens >= 20
        assert repeated.usage.prompt_tokens_details.cached_tokens == second.usage.prompt_tokens - 1
    with running_engine(tiny_models) as engine:
        fresh = ask(engine, seed=2, messages=longer)
        assert fresh.usage.prompt_tokens_details.cached_tokens == 0
    assert text_of(fresh) == text_of(second) == text_of(repeated)


def test_a_forgotten_model_reads_its_prompt_again(
    fresh_engine: RunningEngine, tiny_models: TinyModels
) -> None:
    ask(fresh_engine, model=TUNED_NAME)
    fresh_engine.service.forget(TUNED_NAME, tiny_models.adapter_folder)
    assert ask(fresh_engine, model=TUNED_NAME).usage.prompt_tokens_details.cached_tokens == 0


async def test_requests_at_the_same_time_all_progress_and_answer_as_if_alone(
    tiny_models: TinyModels, slow_model: Callable[[float], None]
) -> None:
    arrivals: list[int] = []

    async def write(client: openai.AsyncOpenAI, number: int, model: str) -> str:
        text = ""
        stream = await client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": f"Question {number} " * 5}],
            seed=number,
            max_tokens=30,
            logit_bias=NEVER_END,
            stream=True,
        )
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                arrivals.append(number)
                text += chunk.choices[0].delta.content
        return text

    models = [TINY_NAME, TUNED_NAME, TINY_NAME]
    with running_engine(tiny_models) as engine:
        async with engine.async_client() as client:
            alone = [await write(client, number, model) for number, model in enumerate(models)]
            arrivals.clear()
            slow_model(0.01)
            together = await asyncio.gather(
                *(write(client, number, model) for number, model in enumerate(models))
            )
    assert list(together) == alone
    first_end = min(len(arrivals) - 1 - arrivals[::-1].index(number) for number in range(3))
    assert set(arrivals[:first_end]) == {0, 1, 2}


async def test_a_request_for_many_answers_does_not_keep_out_one_for_a_single_answer(
    fresh_engine: RunningEngine, slow_model: Callable[[float], None]
) -> None:
    slow_model(0.005)
    async with fresh_engine.async_client() as client:
        many = asyncio.create_task(
            client.chat.completions.create(
                model=TINY_NAME, messages=HELLO, n=40, max_tokens=40, logit_bias=NEVER_END
            )
        )
        await asyncio.to_thread(wait_until, lambda: fresh_engine.service.active_count == 1)
        await client.chat.completions.create(model=TINY_NAME, messages=HELLO, max_tokens=20)
        assert not many.done()
        assert len((await many).choices) == 40


def test_a_client_that_leaves_a_stream_ends_the_writing(
    fresh_engine: RunningEngine, slow_model: Callable[[float], None]
) -> None:
    slow_model(0.01)
    stream = ask(fresh_engine, stream=True, max_tokens=1500)
    for _, _ in zip(range(3), stream, strict=False):
        pass
    assert fresh_engine.service.active_count == 1
    stream.close()
    fresh_engine.wait_until_quiet(timeout=5)


def test_a_client_that_does_not_wait_for_a_plain_answer_ends_the_writing(
    fresh_engine: RunningEngine, slow_model: Callable[[float], None]
) -> None:
    slow_model(0.01)
    with pytest.raises(openai.APITimeoutError):
        fresh_engine.client().with_options(timeout=0.5).chat.completions.create(
            model=TINY_NAME, messages=HELLO, max_tokens=1500, logit_bias=NEVER_END
        )
    fresh_engine.wait_until_quiet(timeout=5)


def test_too_many_requests_are_told_to_come_again(
    tiny_models: TinyModels, slow_model: Callable[[float], None]
) -> None:
    slow_model(0.02)
    with running_engine(tiny_models, max_waiting=1) as engine:
        streams = [ask(engine, stream=True, max_tokens=1500) for _ in range(MAX_RUNNING + 1)]
        with pytest.raises(openai.RateLimitError) as refused:
            ask(engine)
        assert refused.value.code == "rate_limit_exceeded"
        assert int(refused.value.response.headers["retry-after"]) >= 1
        for stream in streams:
            stream.close()
        engine.wait_until_quiet()
        assert ask(engine, max_tokens=2).choices[0].finish_reason == "length"


def test_the_training_worker_is_told_of_a_running_chat(tiny_models: TinyModels, tmp_path: Path) -> None:
    mark = tmp_path / "chat-active"
    training = True
    with running_engine(tiny_models, chat_active_file=mark, is_training=lambda: training) as engine:
        ask(engine)
        assert time.time() - mark.stat().st_mtime < 5


def test_requests_under_way_are_told_when_the_service_closes(
    tiny_models: TinyModels, slow_model: Callable[[float], None]
) -> None:
    slow_model(0.02)
    with running_engine(tiny_models) as engine:
        stream = ask(engine, stream=True, max_tokens=1500)
        next(iter(stream))
        engine.service.close()
        with pytest.raises(openai.APIError, match="shutting down"):
            list(stream)
        with pytest.raises(openai.InternalServerError, match="shutting down"):
            ask(engine)


def test_a_fault_of_the_model_ends_the_request_and_not_the_engine(
    fresh_engine: RunningEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("tui.engine.serving.decoder.Decoder.forward", fail)
        with pytest.raises(openai.InternalServerError, match="out of memory"):
            ask(fresh_engine)
    assert ask(fresh_engine).choices[0].finish_reason == "length"


def test_the_raw_stream_is_server_sent_events_that_end_with_done(engine: RunningEngine) -> None:
    body = {"model": TINY_NAME, "messages": HELLO, "max_tokens": 3, "stream": True}
    answer = httpx2.post(f"{engine.url}/chat/completions", json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = answer.text.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    assert all(event.startswith("data: {") for event in events[:-2])


def test_the_event_loop_is_not_held_up_by_a_long_prompt(
    engine: RunningEngine, slow_model: Callable[[float], None]
) -> None:
    slow_model(0.05)
    stream = ask(engine, stream=True, max_tokens=4)
    wait_until(lambda: engine.service.active_count == 1)
    with pytest.raises(openai.NotFoundError):
        ask(engine, model="no-such-model")
    list(stream)
