"""Rows of datasets made of a chat: examples to learn, pairs of answers, cases of a test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tui.chat.history import conversation
from tui.chat.lanes import Lane, LaneAnswer, Turn
from tui.errors import TunedeckError
from tui.records.chats import ChatMessage

Json = dict[str, Any]


def message_json(message: ChatMessage) -> Json:
    """Return a message as a row holds it."""
    if message.whole is not None:
        return dict(message.whole)
    return {"role": message.role, "content": message.content}


def trainable_turns(turns: Sequence[Turn], lane: Lane) -> list[Turn]:
    """Return a lane's turns up to its last whole answer; empty where it has given none.

    An answer in the midst that was stopped or cut off ends them before itself, as nobody should learn it.
    """
    taken: list[Turn] = []
    for turn in turns:
        answer = turn.answers.get(lane)
        if answer is not None and answer.said and not answer.is_whole:
            break
        taken.append(turn)
    while taken and not ((answer := taken[-1].answers.get(lane)) and answer.said):
        taken.pop()
    return taken


def trainable_messages(turns: Sequence[Turn], lane: Lane, system: str) -> list[Json]:
    """Return the conversation of `trainable_turns`; empty where there are none."""
    taken = trainable_turns(turns, lane)
    return [message_json(one) for one in conversation(taken, lane, system, open_calls=True)] if taken else []


def training_row(
    turns: Sequence[Turn], lane: Lane, system: str, tools: Sequence[Mapping[str, Any]] = ()
) -> Json:
    """Return the conversation up to the last of these turns as a row to train on.

    Raises:
        TunedeckError: The lane's answer to the last turn is missing or not whole.
    """
    answer = _answer(turns, lane)
    if not answer.is_whole:
        raise TunedeckError(
            f"That answer is not whole ({answer.finish_reason}).", "Nobody should learn half a sentence."
        )
    return _with_tools({"messages": _messages(conversation(turns, lane, system, open_calls=True))}, tools)


def preference_row(
    turns: Sequence[Turn], lane: Lane, system: str, better: str, tools: Sequence[Mapping[str, Any]] = ()
) -> Json:
    """Return the last of these turns as a pair: `better` is preferred to what the lane answered.

    Raises:
        TunedeckError: The lane gave no answer in words, or both say the same.
    """
    answer = _answer(turns, lane)
    if not answer.text.strip():
        raise TunedeckError("That answer holds no text to compare with.")
    if not better.strip() or better.strip() == answer.text.strip():
        raise TunedeckError("The better answer must be another text.")
    asked = conversation(turns, lane, system)[:-1]
    row: Json = {
        "input": _with_tools({"messages": _messages(asked)}, tools),
        "preferred_output": [{"role": "assistant", "content": better}],
        "non_preferred_output": [{"role": "assistant", "content": answer.text}],
    }
    return row


def case_row(
    turns: Sequence[Turn],
    lane: Lane,
    system: str,
    expected: str,
    tools: Sequence[Mapping[str, Any]] = (),
) -> Json:
    """Return the last of these turns as a case of a test set, with the answer that is right.

    Raises:
        TunedeckError: The lane gave no answer, or nothing is expected.
    """
    if not expected.strip():
        raise TunedeckError("A case of a test set needs the answer that is right.")
    _answer(turns, lane)
    asked = conversation(turns, lane, system)[:-1]
    return _with_tools({"messages": _messages(asked), "expected": expected}, tools)


def _answer(turns: Sequence[Turn], lane: Lane) -> LaneAnswer:
    answer = turns[-1].answers.get(lane) if turns else None
    if answer is None or not answer.said:
        raise TunedeckError(f"{lane.label} has not answered this.")
    return answer


def _messages(messages: Sequence[ChatMessage]) -> list[Json]:
    return [message_json(message) for message in messages]


def _with_tools(row: Json, tools: Sequence[Mapping[str, Any]]) -> Json:
    return {**row, "tools": [dict(tool) for tool in tools]} if tools else row
