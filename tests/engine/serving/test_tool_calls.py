"""Calls are read out of a model's text, however it is cut, and what is no call stays text."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.serving.test_stop_strings import cut
from tui.engine.serving.chat_answer import ChatAnswer
from tui.engine.serving.generation import ChoiceFinished, Event, TextWritten
from tui.engine.serving.text_stream import Piece
from tui.engine.serving.tool_calls import ToolCall, ToolCallScanner, parse_call

CALL = '<tool_call>\n{"name": "look", "arguments": {"where": "hér"}}\n</tool_call>'
LOOK = ToolCall("look", '{"where": "hér"}')


def scan(text: str, places: list[int]) -> tuple[str, list[ToolCall]]:
    scanner, shown, calls = ToolCallScanner(), "", []
    for piece in cut(text, places):
        more, found = scanner.feed(piece)
        shown += more
        calls += found
    more, found = scanner.finish()
    return shown + more, calls + found


@given(st.lists(st.integers(0, 300), max_size=30))
def test_text_and_calls_are_separated_wherever_tokens_end(places: list[int]) -> None:
    assert scan(f"I look.\n{CALL}\n{CALL}", places) == ("I look.", [LOOK, LOOK])


@given(st.text("<tool_cal> \n{}", max_size=60), st.lists(st.integers(0, 300), max_size=30))
def test_text_without_a_proper_call_comes_through_whole(text: str, places: list[int]) -> None:
    assert scan(text, places) == (text, [])


def test_a_call_whose_end_mark_is_missing_counts() -> None:
    assert scan(CALL.removesuffix("</tool_call>"), []) == ("", [LOOK])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"arguments": {}}', '{"name": 3}', "[" * 100_000])
def test_what_is_not_a_call(text: str) -> None:
    assert parse_call(text) is None


class OneAnswer:
    """Events as the generation thread would report them."""

    def __init__(self, pieces: list[str]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[Event]:
        for piece in self._pieces:
            yield TextWritten(0, Piece(piece))
        yield ChoiceFinished(0, "stop", len(self._pieces))


def answer(pieces: list[str], *, with_tools: bool = True) -> ChatAnswer:
    return ChatAnswer(
        "m", OneAnswer(pieces), prompt_tokens=3, choices=1, with_logprobs=False, with_tools=with_tools
    )


async def test_calls_become_tool_calls_of_the_message() -> None:
    choice = (await answer(["Look", "ing ", CALL[:20], CALL[20:]]).whole())["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "Looking"
    (call,) = choice["message"]["tool_calls"]
    assert call["function"]["name"] == "look"
    assert json.loads(call["function"]["arguments"]) == {"where": "hér"}
    assert set(call) == {"id", "type", "function"}


async def test_streamed_calls_carry_their_index() -> None:
    chunks = [chunk async for chunk in answer([CALL, CALL]).chunks(include_usage=False)]
    deltas = [chunk["choices"][0] for chunk in chunks]
    calls = [call for delta in deltas for call in delta["delta"].get("tool_calls", ())]
    assert [call["index"] for call in calls] == [0, 1]
    assert deltas[-1]["finish_reason"] == "tool_calls"


async def test_without_tools_in_the_request_the_text_is_left_alone() -> None:
    choice = (await answer([CALL], with_tools=False).whole())["choices"][0]
    assert choice["message"]["content"] == CALL
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "stop"
