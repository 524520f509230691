"""Fixes of tool definitions, of calls and of the answers to them."""

from __future__ import annotations

import ast
import json
import warnings
from typing import Any

import orjson

from tui.datasets.call_ids import SHORT_ID, short_id
from tui.datasets.fixes.base import Fix
from tui.datasets.fixes.json_text import JsonText
from tui.datasets.fixes.message_fixes import at
from tui.datasets.fixes.row_rules import RowVerdict, Wrong
from tui.datasets.locate import JsonPath

_LONGEST_LITERAL = 100_000
_LONGEST_ID = 40


def _arguments_as_text(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes:
    text = JsonText(line.decode("utf-8"))
    for found in wrong:
        value = at(verdict.value, found.path)
        text.replace(found.path, "{}" if value is None else text.part(found.path))
    return text.text().encode()


def _arguments_as_json(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    """Nothing becomes {}; what Python printed of a dictionary becomes JSON."""
    text = JsonText(line.decode("utf-8"))
    for found in wrong:
        written = at(verdict.value, found.path)
        value = {} if not written.strip() else _python_dictionary(written)
        if value is None:
            return None
        text.replace(found.path, text.dump(value))
    return text.text().encode()


def _python_dictionary(written: str) -> dict[str, Any] | None:
    if len(written) > _LONGEST_LITERAL:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = ast.literal_eval(written.strip())
        return value if isinstance(value, dict) and json.loads(json.dumps(value)) == value else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _wrapped_tools(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    text = JsonText(line.decode("utf-8"))
    for path in dict.fromkeys(found.path for found in wrong):
        value = at(verdict.value, path)
        if path[-1] in ("tools", "functions", "parallel_tool_calls") and value in (None, []):
            text.remove(path)
        elif path[-1] == "parallel_tool_calls" and str(value).lower() in ("true", "false"):
            text.replace(path, str(value).lower() == "true")
        elif path[-1] == "tools" and isinstance(value, dict) and "function" in value:
            text.replace_text(path, f"[{text.part(path)}]")
        elif path[-1] in ("tools", "functions") and isinstance(value, str) and _is_list(value):
            text.replace_text(path, value.replace("\n", " "))
        elif not _wrap_tool(text, path, value):
            return None
    return text.text().encode()


def _wrap_tool(text: JsonText, path: JsonPath, value: object) -> bool:
    """Complete one entry of tools; False where what is missing can't be known."""
    if not isinstance(value, dict) or len(path) < 2 or path[-2] != "tools":
        return False
    if isinstance(value.get("function"), dict) and "type" not in value:
        text.add(path, "type", "function")
    elif isinstance(value.get("name"), str) and "function" not in value and "type" not in value:
        text.replace_text(path, _function_object(text, text.part(path)))
    elif isinstance(value.get("name"), str) and value.get("type") == "function" and "function" not in value:
        inner = JsonText(text.part(path))  # the flat form of the Responses API
        inner.remove(("type",))
        text.replace_text(path, _function_object(text, inner.text()))
    else:
        return False
    return True


def _function_object(text: JsonText, function: str) -> str:
    return text.dump({"type": "function", "function": 0}).removesuffix("0}") + f"{function}}}"


def _is_list(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), list)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return False


def _whole_calls(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    text = JsonText(line.decode("utf-8"))
    for path in dict.fromkeys(found.path for found in wrong):
        value = at(verdict.value, path) if path[-1] != "function" else _or_none(verdict.value, path)
        if path[-1] == "tool_calls" and value in (None, []):
            text.remove(path)
        elif path[-1] in ("function", "function_call") and _only_lacks_arguments(value):
            text.add(path, "arguments", "{}")
        elif isinstance(path[-1], int) and _only_lacks_type(value):
            text.add(path, "type", "function")
        else:
            return None
    return text.text().encode()


def _or_none(value: Any, path: JsonPath) -> Any:
    try:
        return at(value, path)
    except (KeyError, IndexError, TypeError):
        return None


def _only_lacks_arguments(function: object) -> bool:
    return (
        isinstance(function, dict) and isinstance(function.get("name"), str) and "arguments" not in function
    )


def _only_lacks_type(call: object) -> bool:
    return (
        isinstance(call, dict)
        and isinstance(call.get("id"), str)
        and isinstance(call.get("function"), dict)
        and "type" not in call
    )


def _answered_calls(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    """Give tool messages the id of the one call that still waits for its answer."""
    text = JsonText(line.decode("utf-8"))
    for found in wrong:
        start = next(index for index, step in enumerate(found.path) if isinstance(step, int))
        index, messages = found.path[start], at(verdict.value, found.path[:start])
        assert isinstance(index, int)
        waiting = _waiting_calls(messages, index)
        if len(waiting) != 1:
            return None
        path = found.path[: start + 1]
        if "tool_call_id" in messages[index]:
            text.replace((*path, "tool_call_id"), waiting[0])
        else:
            text.add(path, "tool_call_id", waiting[0])
    return text.text().encode()


def _waiting_calls(messages: list[Any], index: int) -> list[str]:
    """Return the calls right before the run of tool messages of which `index` is one, less those answered."""
    first = index
    while first and _is_answer(messages[first - 1]):
        first -= 1
    before = messages[first - 1] if first else None
    calls = before.get("tool_calls") if isinstance(before, dict) else None
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        return []
    last = index
    while last + 1 < len(messages) and _is_answer(messages[last + 1]):
        last += 1
    answered = [messages[other].get("tool_call_id") for other in range(first, last + 1) if other != index]
    return [call["id"] for call in calls if isinstance(call.get("id"), str) and call["id"] not in answered]


def _is_answer(message: object) -> bool:
    return isinstance(message, dict) and message.get("role") == "tool"


def _short_ids(longest: int | None) -> Any:
    """Return a repair that gives calls other ids, the same in calls and answers."""

    def fix(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
        holder = verdict.value.get("input", verdict.value)
        messages = holder.get("messages") if isinstance(holder, dict) else None
        if not isinstance(messages, list):
            return None
        start: JsonPath = ("input", "messages") if holder is not verdict.value else ("messages",)
        places = list(_id_places(messages, start))
        used = {call_id for _, call_id in places}
        text = JsonText(line.decode("utf-8"))
        for path, call_id in places:
            too_long = longest is not None and len(call_id) > longest
            if too_long or (longest is None and not SHORT_ID.fullmatch(call_id)):
                new = short_id(call_id)
                if new in used:
                    return None
                text.replace(path, new)
        return text.text().encode()

    return fix


def _id_places(messages: list[Any], start: JsonPath) -> list[tuple[JsonPath, str]]:
    places: list[tuple[JsonPath, str]] = []
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            continue
        calls = message.get("tool_calls")
        for number, call in enumerate(calls if isinstance(calls, list) else []):
            if isinstance(call, dict) and isinstance(call.get("id"), str):
                places.append(((*start, index, "tool_calls", number, "id"), call["id"]))
        if isinstance(message.get("tool_call_id"), str):
            places.append(((*start, index, "tool_call_id"), message["tool_call_id"]))
    return places


FIXES = (
    Fix(
        "tools-malformed",
        "Complete the tool definitions",
        "A bare function is put into {type, function}; a missing type is added; definitions that "
        "were written "
        "into a string are taken out of it; empty lists and null go. A tool without a name is left alone.",
        _wrapped_tools,
    ),
    Fix(
        "tool-calls-malformed",
        "Complete the tool calls",
        "A missing type or missing arguments are added; an empty list and null go. A call without "
        "id or name is "
        "left alone.",
        _whole_calls,
    ),
    Fix(
        "tool-arguments-not-text",
        "Write the arguments into a string",
        "The same JSON as text, as it is written; null becomes {}.",
        _arguments_as_text,
    ),
    Fix(
        "tool-arguments-not-json",
        "Write the arguments as JSON",
        "Empty arguments become {}; a dictionary as Python prints it becomes JSON. Other text is left alone.",
        _arguments_as_json,
    ),
    Fix(
        "tool-call-id",
        "Name the call that is answered",
        "Where exactly one call before it waits for its answer, its id is put in. Elsewhere the row is left "
        "alone.",
        _answered_calls,
    ),
    Fix(
        "tool-call-id-long",
        "Shorten the ids of calls",
        "An id is only a label: each long one becomes nine letters and digits, the same in call and answer.",
        _short_ids(_LONGEST_ID),
    ),
    Fix(
        "tool-call-id-form",
        "Write ids of calls as nine letters and digits",
        "An id is only a label: each becomes nine letters and digits, the same in call and answer.",
        _short_ids(None),
        finds_itself=True,
    ),
)
