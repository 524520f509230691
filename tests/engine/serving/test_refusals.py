"""What is wrong with a request is said in the service's words, with its code and the field at fault."""

from __future__ import annotations

from typing import Any

import httpx2
import openai
import pytest

from tests.engine.serving.conftest import RunningEngine
from tests.engine.tiny_model import TINY_NAME

USER = {"role": "user", "content": "hello"}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def post(engine: RunningEngine, **fields: Any) -> dict[str, Any]:
    body = {"model": TINY_NAME, "messages": [USER], "max_tokens": 1, **fields}
    answer = httpx2.post(f"{engine.url}/chat/completions", json=body, timeout=30)
    return {"status": answer.status_code, **answer.json().get("error", {})}


def message(**fields: Any) -> list[dict[str, Any]]:
    return [{**USER, **fields}]


@pytest.mark.parametrize(
    ("fields", "words", "code", "param"),
    [
        ({"colour": 1}, "Unrecognized request argument supplied: colour", None, None),
        (
            {"temperature": 3},
            "Invalid 'temperature': decimal above maximum value.",
            "decimal_above_max_value",
            "temperature",
        ),
        ({"temperature": "hot"}, "Invalid type for 'temperature'", "invalid_type", "temperature"),
        ({"messages": []}, "empty array", "empty_array", "messages"),
        (
            {"messages": [{"content": "x"}]},
            "Missing required parameter: 'messages[0].role'",
            "missing_required_parameter",
            "messages[0].role",
        ),
        ({"messages": message(role="robot")}, "Invalid value: 'robot'.", "invalid_value", "messages[0].role"),
        ({"messages": message(content=None)}, "got null", "invalid_type", "messages[0].content"),
        (
            {"messages": message(colour=1)},
            "Unknown parameter: 'messages[0].colour'",
            "unknown_parameter",
            "messages[0].colour",
        ),
        (
            {"messages": message(content=[{"type": "image_url", "image_url": {"url": "data:"}}])},
            "no vision",
            "invalid_value",
            "messages[0].content[0].type",
        ),
        (
            {"max_tokens": 3000},
            "maximum context length is 2048 tokens. However, you requested",
            "context_length_exceeded",
            "messages",
        ),
        (
            {"messages": message(content="word " * 3000)},
            "your messages resulted in",
            "context_length_exceeded",
            "messages",
        ),
        ({"max_completion_tokens": 3}, "at the same time", "invalid_parameter_combination", "max_tokens"),
        ({"stop": ["a"] * 5}, "array too long", "array_above_max_length", "stop"),
        ({"top_logprobs": 2}, "'top_logprobs' is only allowed", "invalid_value", "top_logprobs"),
        ({"stream_options": {"include_usage": True}}, "only allowed when 'stream'", None, "stream_options"),
        ({"response_format": {"type": "json_object"}}, "must contain the word 'json'", None, "messages"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": {"type": "string"}},
                }
            },
            "its root must be of type 'object'",
            "invalid_json_schema",
            "response_format",
        ),
        ({"logit_bias": {"abc": 1}}, "Invalid key in 'logit_bias'", "invalid_value", "logit_bias"),
        ({"tools": [{"type": "custom"}]}, "type 'function'", "invalid_value", "tools[0].type"),
        (
            {"tools": [TOOL], "tool_choice": "required"},
            "can't force a tool call",
            "unsupported_value",
            "tool_choice",
        ),
        ({"functions": []}, "use 'tools'", "unsupported_parameter", "functions"),
        ({"n": 0}, "Invalid 'n': integer below minimum value.", "integer_below_min_value", "n"),
    ],
)
def test_a_bad_request_is_refused(
    engine: RunningEngine, fields: dict[str, Any], words: str, code: str | None, param: str | None
) -> None:
    refusal = post(engine, **fields)
    assert refusal["status"] == 400
    assert words in refusal["message"]
    assert (refusal["code"], refusal["param"]) == (code, param)
    assert refusal["type"] == "invalid_request_error"


def test_an_unknown_model_is_not_found(engine: RunningEngine) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        engine.client().chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
    assert refused.value.code == "model_not_found"


def test_fields_that_change_nothing_here_are_accepted(engine: RunningEngine) -> None:
    accepted = post(
        engine,
        user="u",
        store=False,
        metadata={"a": "b"},
        service_tier="auto",
        parallel_tool_calls=True,
        safety_identifier="s",
        prompt_cache_key="k",
        prompt_cache_retention="24h",
        verbosity="low",
        reasoning_effort="none",
        modalities=["text"],
        tools=[TOOL],
        tool_choice="auto",
        response_format={"type": "text"},
        seed=None,
        stop=None,
    )
    assert accepted["status"] == 200


def test_the_clients_own_answers_can_be_sent_back(engine: RunningEngine) -> None:
    client = engine.client()
    messages: list[Any] = [{"role": "developer", "content": "Be brief."}, USER]
    answer = client.chat.completions.create(model=TINY_NAME, messages=messages, max_tokens=3, seed=1)
    messages += [answer.choices[0].message, {"role": "user", "content": [{"type": "text", "text": "more"}]}]
    again = client.chat.completions.create(model=TINY_NAME, messages=messages, max_tokens=3)
    assert again.usage is not None
    assert again.usage.prompt_tokens > 10
