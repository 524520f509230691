"""Writes ShareGPT rows: conversations of from and value (LLaMA-Factory, data/README.md, read 2026-11-25)."""

from __future__ import annotations

from typing import Any

from tui.datasets.convert.example import Example, Message
from tui.datasets.convert.losses import LossList, RowProblem
from tui.datasets.convert.plain import plain_text
from tui.datasets.convert.turns import CallIds, parsed_json
from tui.datasets.quoting import json_text

_SPEAKERS = {"user": "human", "assistant": "gpt", "system": "system", "developer": "system"}


def write_sharegpt(example: Example, losses: LossList) -> dict[str, Any]:
    """Return an example as ShareGPT.

    Raises:
        RowProblem: It holds what can't be said there.
    """
    messages = list(example.messages)
    row: dict[str, Any] = {}
    system = None
    if messages and messages[0]["role"] in ("system", "developer"):
        if messages[0]["role"] == "developer":
            losses.note("role", "developer", "written as system")
        system = _text(messages[0], losses)
        _note_lost(messages.pop(0), losses)
    ids = CallIds()
    turns: list[dict[str, Any]] = []
    for message in messages:
        turns += _turns(message, ids, losses)
    row["conversations"] = turns
    if example.preferred is not None and example.rejected is not None:
        row["chosen"] = _one_turn(example.preferred, losses)
        row["rejected"] = _one_turn(example.rejected, losses)
    if system is not None:
        if not system:
            losses.note("system message", "", "an empty one is left out")
        else:
            row["system"] = system
    if example.tools:
        row["tools"] = json_text([_bare(tool, losses) for tool in example.tools])
    return row


def _one_turn(message: Message, losses: LossList) -> dict[str, Any]:
    turns = _turns(message, CallIds(), losses)
    if len(turns) != 1:
        raise RowProblem("an answer of text and calls together does not fit into one turn")
    return turns[0]


def _turns(message: Message, ids: CallIds, losses: LossList) -> list[dict[str, Any]]:
    _note_lost(message, losses)
    role = message["role"]
    if role == "tool":
        return [{"from": "observation", "value": _answer(message, ids, losses)}]
    if role == "developer":
        losses.note("role", "developer", "written as system")
    text = _text(message, losses)
    calls = message.get("tool_calls") or []
    turns = [{"from": _SPEAKERS[role], "value": text}] if text or not calls else []
    if calls:
        if turns:
            losses.note("text beside calls", "", "became a turn of its own")
        turns.append({"from": "function_call", "value": _calls(calls, ids, losses)})
    return turns


def _note_lost(message: Message, losses: LossList) -> None:
    for key in message.keys() & {"name", "audio", "reasoning"}:
        losses.note("message key", key)
    if message.get("weight") == 0:
        losses.note("weight", "", "0 is left out: this shape has no weights")


def _text(message: Message, losses: LossList) -> str:
    return plain_text({key: message[key] for key in ("role", "content", "refusal") if key in message}, losses)


def _answer(message: Message, ids: CallIds, losses: LossList) -> str:
    expected = ids.answered()
    if expected is None:
        raise RowProblem("a tool message answers no call before it")
    if expected != message.get("tool_call_id"):
        losses.note("tool call id", "", "calls are matched by order")
    return _text(message, losses)


def _calls(calls: list[Any], ids: CallIds, losses: LossList) -> str:
    written = []
    for call in calls:
        function = call["function"]
        arguments = parsed_json(function["arguments"])
        if arguments is None or isinstance(arguments, str):
            raise RowProblem(f'the arguments of "{function["name"]}" are no JSON')
        if json_text(arguments) != function["arguments"]:
            losses.note("tool arguments", "", "written anew: spaces may differ")
        if call["id"] != ids.new(function["name"]):
            losses.note("tool call id", "", "calls are matched by order")
        written.append({"name": function["name"], "arguments": arguments})
    return json_text(written[0] if len(written) == 1 else written)


def _bare(tool: object, losses: LossList) -> object:
    if not isinstance(tool, dict) or not isinstance(tool.get("function"), dict):
        raise RowProblem("a tool definition has no function")
    for key in tool.keys() - {"type", "function"}:
        losses.note("tool key", key)
    return tool["function"]
