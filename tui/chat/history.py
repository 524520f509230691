"""A conversation as a service takes it: what one lane was asked and what it said, images and calls too."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from tui.chat.lanes import Lane, LaneAnswer, Turn
from tui.records.chats import ChatImage, ChatMessage


def conversation(
    turns: Sequence[Turn], lane: Lane, system: str, *, open_calls: bool = False
) -> list[ChatMessage]:
    """Return what `lane` knows of these turns.

    A question that the lane gave no answer to is left out: services refuse two questions in a row. Tool
    calls that the person did not answer are left out too, with the turn where it holds nothing else:
    services refuse calls without their results.

    Args:
        turns: From the first one on.
        lane: Whose answers to include.
        system: System prompt; empty for none.
        open_calls: Keep calls that the last answer ends with, as a training row may.
    """
    messages = [ChatMessage("system", system)] if system.strip() else []
    for place, turn in enumerate(turns):
        answer = turn.answers.get(lane)
        follower = turns[place + 1] if place + 1 < len(turns) else None
        messages += _asked_with_results(turns, place, lane)
        if answer is None or not answer.said:
            continue
        if follower is None:
            answered = open_calls and bool(answer.tool_calls)
        else:
            answered = _answers_calls(follower, lane, answer)
        if not answer.text and not answered:
            continue
        if not turn.results:
            messages.append(asked(turn))
        messages.append(_said(turn, answer, with_calls=answered))
    return messages


def asked(turn: Turn) -> ChatMessage:
    """Return a turn's question as a message."""
    if not turn.images:
        return ChatMessage("user", turn.question)
    parts: list[dict[str, Any]] = [{"type": "text", "text": turn.question}] if turn.question.strip() else []
    parts += [{"type": "image_url", "image_url": {"url": data_url(image)}} for image in turn.images]
    return ChatMessage("user", turn.question, {"role": "user", "content": parts})


def results_of(turns: Sequence[Turn], place: int, lane: Lane) -> list[ChatMessage]:
    """Return what the person answered for the calls of the turn before, as messages."""
    turn = turns[place]
    if lane not in turn.results or place == 0:
        return []
    return [
        ChatMessage(
            "tool", said, {"role": "tool", "tool_call_id": call_id(turns[place - 1], number), "content": said}
        )
        for number, said in enumerate(turn.results[lane])
    ]


def data_url(image: ChatImage) -> str:
    """Return an image as a URL that holds it."""
    return f"data:{image.media_type};base64,{base64.b64encode(image.content).decode('ascii')}"


def call_id(turn: Turn, number: int) -> str:
    """Return our own id of a turn's tool call; a service only looks that call and result agree."""
    return f"call_{turn.number}_{number}"


def _asked_with_results(turns: Sequence[Turn], place: int, lane: Lane) -> list[ChatMessage]:
    """Return a tool turn's results, where the calls they answer are in the conversation."""
    if place == 0:
        return []
    before = turns[place - 1].answers.get(lane)
    if before is None or not before.said or not _answers_calls(turns[place], lane, before):
        return []
    return results_of(turns, place, lane)


def _answers_calls(turn: Turn, lane: Lane, answer: LaneAnswer) -> bool:
    return bool(answer.tool_calls) and len(turn.results.get(lane, ())) == len(answer.tool_calls)


def _said(turn: Turn, answer: LaneAnswer, *, with_calls: bool) -> ChatMessage:
    if not with_calls:
        return ChatMessage("assistant", answer.text)
    calls = [
        {
            "id": call_id(turn, number),
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for number, call in enumerate(answer.tool_calls)
    ]
    whole = {"role": "assistant", "content": answer.text or None, "tool_calls": calls}
    return ChatMessage("assistant", answer.text, whole)
