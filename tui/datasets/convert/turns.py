"""Turns of any dialect (role/content, from/value, role/parts) as OpenAI's messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.datasets.convert.cell_values import Binary, text_of
from tui.datasets.convert.example import Message
from tui.datasets.convert.losses import LossList, RowProblem
from tui.datasets.quoting import json_text, quoted

ROLE_NAMES: Mapping[str, str] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "bard": "assistant",
    "bing": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "tool": "tool",
    "observation": "tool",
    "tool_response": "tool",
    "function_response": "tool",
    "function": "function",
    "function_call": "function_call",
    "tool_call": "function_call",
}
"""What turns call who speaks -> OpenAI's role; "function_call" is an assistant's call alone."""
_REASONING_KEYS = ("reasoning", "reasoning_content", "thinking")
_ALLOWED: Mapping[str, frozenset[str]] = {
    "assistant": frozenset({"name", "refusal", "tool_calls", "function_call", "audio", "reasoning"}),
    "tool": frozenset({"name", "tool_call_id"}),
}
_WEIGHT_KEYS = ("weight", "loss", "train")


@dataclass(slots=True)
class CallIds:
    """Ids for calls of shapes that have none: call_1, call_2, in the order of the row."""

    count: int = 0
    waiting: list[tuple[str, str]] = field(default_factory=list)
    """(id, name) of calls without an answer yet."""

    def new(self, name: str) -> str:
        """Return the next id and remember that its answer is waited for."""
        self.count += 1
        call_id = f"call_{self.count}"
        self.waiting.append((call_id, name))
        return call_id

    def answered(self, name: str = "") -> str | None:
        """Return the id of the first call that waits, of this name if it is given, or None."""
        for index, (call_id, called) in enumerate(self.waiting):
            if not name or called == name:
                del self.waiting[index]
                return call_id
        return None


def parsed_json(text: str) -> Any:
    """Return the value of a JSON text, or None when it is none."""

    def refuse(name: str) -> object:
        raise ValueError(name)

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None


def turns_in_text(text: str) -> list[Any] | None:
    """Return the turns that a text holds as JSON; None for any other text, answers in JSON too."""
    if not text.lstrip().startswith(("[{", '{"', "[ ", "[\n")):
        return None
    value = parsed_json(text)
    turns = [value] if isinstance(value, dict) else value
    if not isinstance(turns, list) or not turns:
        return None
    has_speakers = all(isinstance(turn, dict) and turn.keys() & {"role", "from"} for turn in turns)
    has_texts = (
        any(turn.keys() & {"content", "value", "parts", "tool_calls"} for turn in turns)
        if has_speakers
        else False
    )
    return turns if has_texts else None


def read_turns(value: object, column: str, losses: LossList) -> list[Message]:
    """Return the messages of a cell that holds turns: a list, JSON text of one, or one turn.

    Raises:
        RowProblem: It holds no turns, or a turn is none.
    """
    if isinstance(value, str):
        parsed = parsed_json(value)
        if not isinstance(parsed, list | dict):
            raise RowProblem(f'"{column}" holds text and no list of turns')
        value = parsed
    if isinstance(value, dict):
        value = value["messages"] if isinstance(value.get("messages"), list) else [value]
    if not isinstance(value, list):
        raise RowProblem(f'"{column}" is no list of turns: {quoted(value, 40)}')
    ids = CallIds()
    messages: list[Message] = []
    for number, turn in enumerate(value):
        if not isinstance(turn, dict):
            raise RowProblem(f"turn {number + 1} of {column} is no object: {quoted(turn, 40)}")
        messages += _turn(turn, number + 1, ids, losses)
    return messages


def _turn(turn: dict[str, Any], number: int, ids: CallIds, losses: LossList) -> list[Message]:
    if "parts" in turn:
        from tui.datasets.convert.vertex import read_content

        return read_content(turn, ids, losses)
    speaker = turn.get("from", turn.get("role"))
    if not isinstance(speaker, str):
        raise RowProblem(f"turn {number} does not say who speaks (no role, no from)")
    role = ROLE_NAMES.get(speaker.strip().lower())
    if role is None:
        losses.note("role", speaker, "not known, the turn is left out")
        return []
    text = (
        turn.get("value")
        if "from" in turn or ("value" in turn and "content" not in turn)
        else turn.get("content")
    )
    if role == "function_call":
        message: Message = {"role": "assistant", "tool_calls": _calls_in_text(text, number, ids)}
    else:
        message = {"role": role, **_content(text, turn, role, losses)}
    _take_other_keys(message, turn, number, ids, losses)
    if role == "tool":
        _answer_call(message, turn, number, ids)
    return [message]


def _content(value: object, turn: Mapping[str, Any], role: str, losses: LossList) -> dict[str, Any]:
    if isinstance(value, str):
        return {"content": value}
    if value is None:
        # Tables write every key of every turn; without a text there must be something in its place.
        has_key = "content" in turn or "value" in turn
        substitute = any(turn.get(key) for key in ("tool_calls", "function_call", "refusal"))
        return {} if substitute or not has_key else {"content": None}
    if isinstance(value, list):
        return {"content": [part for raw in value if (part := _part(raw, role, losses)) is not None]}
    if isinstance(value, bool | int | float):
        return {"content": text_of(value)}
    raise RowProblem(f"the text of a turn is {quoted(value, 40)}, and neither text nor parts")


def _part(raw: object, role: str, losses: LossList) -> dict[str, Any] | None:
    if isinstance(raw, str):
        return {"type": "text", "text": raw}
    if not isinstance(raw, dict):
        losses.note("content part", quoted(raw, 40))
        return None
    kind = raw.get("type")
    if isinstance(raw.get("text"), str) and kind in ("text", "input_text", "output_text", None):
        return {"type": "text", "text": raw["text"]}
    if kind == "refusal" and isinstance(raw.get("refusal"), str):
        return {"type": "refusal", "refusal": raw["refusal"]}
    image = _image(raw)
    if image is None:
        losses.note(
            "image" if kind in ("image", "image_url", "input_image") else "content part", str(kind or "?")
        )
        return None
    if role != "user":
        losses.note("image", f"of {role}", "left out: only users may show images")
        return None
    return image


def _image(raw: Mapping[str, Any]) -> dict[str, Any] | None:
    image = raw.get("image_url", raw.get("url", raw.get("image")))
    if isinstance(image, str):
        image = {"url": image}
    if not isinstance(image, dict) or not isinstance(image.get("url"), str):
        return None
    if not image["url"].startswith(("http://", "https://", "data:", "gs://")):
        return None
    kept = {key: image[key] for key in ("url", "detail") if image.get(key) is not None}
    return {"type": "image_url", "image_url": kept}


def _take_other_keys(
    message: Message, turn: Mapping[str, Any], number: int, ids: CallIds, losses: LossList
) -> None:
    role = message["role"]
    allowed = _ALLOWED.get(role, frozenset({"name"}))
    for key, value in turn.items():
        if key in ("role", "from", "content", "value") or value is None or isinstance(value, Binary):
            continue
        name = "reasoning" if key in _REASONING_KEYS else key
        if key in _WEIGHT_KEYS and role == "assistant":
            message["weight"] = weight_of(value)
        elif name in allowed and (value or name == "refusal"):
            message[name] = _tool_calls(value, number, ids) if key == "tool_calls" else value
        elif value not in ([], {}, ""):
            losses.note("message key", key)


def weight_of(value: object) -> int:
    """Return 0 or 1 of whatever says whether an answer is learned.

    Raises:
        RowProblem: It says neither.
    """
    known = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1}
    found = known.get(str(value).strip().lower())
    if found is None:
        raise RowProblem(f"the weight is {quoted(value, 40)}; services take 0 or 1")
    return found


def _tool_calls(value: object, number: int, ids: CallIds) -> list[dict[str, Any]]:
    """Return calls with what tables and templates leave out: id, type, arguments as text."""
    if not isinstance(value, list):
        raise RowProblem(f"the tool calls of turn {number} are no list: {quoted(value, 40)}")
    calls = []
    for call in value:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise RowProblem(f"a tool call of turn {number} has no function with a name")
        made = make_call("", function["name"], function.get("arguments", {}))
        if isinstance(call.get("id"), str):
            made["id"] = call["id"]
            ids.waiting.append((call["id"], function["name"]))
        else:
            made["id"] = ids.new(function["name"])
        calls.append(made)
    return calls


def _calls_in_text(text: object, number: int, ids: CallIds) -> list[dict[str, Any]]:
    value = parsed_json(text) if isinstance(text, str) else text
    calls = value if isinstance(value, list) else [value]
    made = []
    for call in calls:
        if isinstance(call, dict) and isinstance(call.get("function"), dict):
            call = call["function"]
        if not isinstance(call, dict) or not isinstance(call.get("name"), str):
            raise RowProblem(
                f"turn {number} calls a function, but its text is no JSON with name and arguments"
            )
        made.append(
            make_call(ids.new(call["name"]), call["name"], call.get("arguments", call.get("parameters", {})))
        )
    return made


def make_call(call_id: str, name: str, arguments: object) -> dict[str, Any]:
    """Return a tool call; arguments that are no text are written as compact JSON."""
    text = arguments if isinstance(arguments, str) else json_text(arguments)
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": text}}


def _answer_call(message: Message, turn: Mapping[str, Any], number: int, ids: CallIds) -> None:
    known = message.get("tool_call_id")
    if isinstance(known, str):
        ids.waiting = [waiting for waiting in ids.waiting if waiting[0] != known]
        return
    name = message.get("name")
    call_id = (ids.answered(name) if isinstance(name, str) else None) or ids.answered()
    if call_id is None:
        raise RowProblem(f"turn {number} answers a call, but no call stands before it")
    message["tool_call_id"] = call_id
