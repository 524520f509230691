"""Fits an example to what its target takes; every change is listed."""

from __future__ import annotations

from typing import Any

from tui.datasets.call_ids import SHORT_ID, short_id
from tui.datasets.convert.example import Example, Message
from tui.datasets.convert.losses import LossList, RowProblem
from tui.datasets.convert.targets import Target, TargetRules, TargetShape
from tui.datasets.convert.turn_order import fit_turns

_MODERN_SHAPES = frozenset(
    {TargetShape.SHAREGPT, TargetShape.TRL, TargetShape.TRL_COMPLETION, TargetShape.VERTEX}
)
_OPENAI_FORM = frozenset({TargetShape.CHAT, TargetShape.PREFERENCE, TargetShape.REINFORCEMENT})
_KEEPS_ONE_CONVERSATION = frozenset(
    {TargetShape.PREFERENCE, TargetShape.ALPACA, TargetShape.SHAREGPT, TargetShape.TRL}
)
"""Shapes that have a form for preferences too."""
_TAKE_DEVELOPER = frozenset({TargetShape.REINFORCEMENT, TargetShape.VERTEX})
"""Shapes whose writers know what to do with it."""
REFERENCE_KEY = "reference_answer"
"""Where the answer of a chat row goes in a grader's row."""


def adapt(example: Example, target: Target, losses: LossList) -> None:
    """Change an example into what the target can hold.

    Raises:
        RowProblem: Nothing sound would be left of it.
    """
    if example.is_preference and target.shape not in _KEEPS_ONE_CONVERSATION:
        losses.note("rejected answer")
        assert example.preferred is not None
        example.messages.append(example.preferred)
        example.preferred = example.rejected = None
    if target.shape is not TargetShape.REINFORCEMENT:
        for name in example.own:
            losses.note("column", name)
        example.own = {}
    if not target.rules.legacy_functions or target.shape in _MODERN_SHAPES:
        _modernise(example, losses)
    for message in _all_messages(example):
        _fit_message(message, target, losses)
    if target.rules.short_call_ids and target.shape in _OPENAI_FORM:
        _shorten_call_ids(example, losses)
    if target.rules.one_system or target.rules.alternate:
        fit_turns(example.messages, target.rules, losses)
    if example.parallel_tool_calls is not None and not (
        target.rules.parallel_flag and target.shape in _OPENAI_FORM
    ):
        losses.note("parallel_tool_calls")
        example.parallel_tool_calls = None
    if target.shape is TargetShape.REINFORCEMENT:
        _take_answer_off(example, losses)
    elif not example.is_preference:
        _end_with_answer(example, losses)


def _all_messages(example: Example) -> list[Message]:
    answers = [answer for answer in (example.preferred, example.rejected) if answer is not None]
    return [*example.messages, *answers]


def _modernise(example: Example, losses: LossList) -> None:
    """Turn functions and function_call into tools and tool_calls."""
    if example.functions:
        losses.note("functions", "", "written as tools")
        example.tools += [{"type": "function", "function": entry} for entry in example.functions]
        example.functions = []
    waiting: list[str] = []
    count = 0
    for message in _all_messages(example):
        if message["role"] == "assistant" and isinstance(message.get("function_call"), dict):
            count += 1
            losses.note("function_call", "", "written as tool call")
            waiting.append(f"call_{count}")
            call = {"id": waiting[-1], "type": "function", "function": message.pop("function_call")}
            message["tool_calls"] = [*(message.get("tool_calls") or []), call]
            if message.get("content", "") is None:
                del message["content"]
        elif message["role"] == "function":
            if not waiting:
                raise RowProblem("a function message answers no call before it")
            losses.note("role", "function", "written as tool")
            message["role"] = "tool"
            message["tool_call_id"] = waiting.pop(0)
            message.pop("name", None)


def _shorten_call_ids(example: Example, losses: LossList) -> None:
    for message in _all_messages(example):
        calls = message.get("tool_calls")
        for labelled, key in [
            *((call, "id") for call in (calls if isinstance(calls, list) else ())),
            (message, "tool_call_id"),
        ]:
            call_id = labelled.get(key)
            if isinstance(call_id, str) and not SHORT_ID.fullmatch(call_id):
                losses.note("id of a call", "", "written as nine letters and digits")
                labelled[key] = short_id(call_id)


def _fit_message(message: Message, target: Target, losses: LossList) -> None:
    rules = target.rules
    role = message["role"]
    if role == "developer" and target.shape not in _TAKE_DEVELOPER:
        losses.note("role", "developer", "written as system")
        message["role"] = "system"
    if "reasoning" in message and not rules.reasoning and target.shape is not TargetShape.VERTEX:
        losses.note("message key", "reasoning")
        del message["reasoning"]
    if "name" in message and not rules.names:
        losses.note("message key", "name")
        del message["name"]
    if target.shape in _OPENAI_FORM:
        _fit_images(message, rules, target.shape, losses)
        _refuse_broken(message)


def _fit_images(message: Message, rules: TargetRules, shape: TargetShape, losses: LossList) -> None:
    content = message.get("content")
    if not isinstance(content, list):
        return
    kept: list[dict[str, Any]] = []
    for part in content:
        if part["type"] != "image_url":
            kept.append(part)
        elif shape is TargetShape.PREFERENCE:
            losses.note("image", "", "left out: preference rows hold text only")
        elif not rules.images:
            losses.note("image", "", f"left out: {rules.label} reads text only")
        elif part["image_url"]["url"].startswith("gs://"):
            losses.note("image", "gs:", "left out: only Google can fetch it")
        else:
            kept.append(part)
    if len(kept) != len(content):
        message["content"] = kept or ""
    elif not kept:
        message["content"] = ""


def _refuse_broken(message: Message) -> None:
    """Refuse what every service of OpenAI's form would."""
    has_substitute = any(message.get(key) for key in ("tool_calls", "function_call", "refusal"))
    if message.get("content") is None and not (message["role"] == "assistant" and has_substitute):
        raise RowProblem(f"a message of {message['role']} has no text")
    if message["role"] == "tool" and not isinstance(message.get("tool_call_id"), str):
        raise RowProblem("a tool message does not say which call it answers (no tool_call_id)")


def _end_with_answer(example: Example, losses: LossList) -> None:
    """Leave out what follows the last answer: nothing can be learned from it, and services refuse it."""
    answers = [index for index, message in enumerate(example.messages) if message["role"] == "assistant"]
    if not answers:
        raise RowProblem("no message is the assistant's, so there is nothing to learn")
    for message in example.messages[answers[-1] + 1 :]:
        losses.note("turn after the last answer", message["role"])
    del example.messages[answers[-1] + 1 :]
    if all(example.messages[index].get("weight") == 0 for index in answers):
        raise RowProblem("every answer has weight 0, so there is nothing to learn")


def _take_answer_off(example: Example, losses: LossList) -> None:
    if not example.messages or example.messages[-1]["role"] != "assistant":
        return
    answer = example.messages.pop()
    text = answer.get("content")
    if not isinstance(text, str) or REFERENCE_KEY in example.own:
        losses.note("answer", "", "left out: it is no plain text")
        return
    for key in answer.keys() - {"role", "content"}:
        losses.note("message key", key)
    example.own[REFERENCE_KEY] = text
    losses.note("answer", "", f'moved to the key "{REFERENCE_KEY}", for the grader')
