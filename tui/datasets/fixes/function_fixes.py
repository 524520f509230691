"""Turns the deprecated functions and function_call into tools and tool_calls."""

from __future__ import annotations

from typing import Any

from tui.datasets.fixes.base import Fix
from tui.datasets.fixes.json_text import JsonText
from tui.datasets.fixes.row_rules import RowVerdict, Wrong
from tui.datasets.locate import JsonPath


def _as_tools(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    row = verdict.value
    path: JsonPath = ("input",) if isinstance(row.get("input"), dict) else ()
    holder = row["input"] if path else row
    messages = holder.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return None
    text = JsonText(line.decode("utf-8"))
    if "functions" in holder and not _tools(text, path, holder):
        return None
    if not _calls(text, (*path, "messages"), messages):
        return None
    for key in ("preferred_output", "non_preferred_output"):
        if path and isinstance(row.get(key), list) and not _calls(text, (key,), row[key]):
            return None
    return text.text().encode()


def _tools(text: JsonText, path: JsonPath, holder: dict[str, Any]) -> bool:
    functions = holder["functions"]
    if "tools" in holder or not isinstance(functions, list) or not functions:
        return False
    parts = [_wrapped(text, (*path, "functions", index)) for index in range(len(functions))]
    text.rename((*path, "functions"), "tools")
    text.replace_text((*path, "functions"), f"[{text.comma.join(parts)}]")
    return True


def _wrapped(text: JsonText, path: JsonPath) -> str:
    return text.dump({"type": "function", "function": 0}).removesuffix("0}") + text.part(path) + "}"


def _calls(text: JsonText, path: JsonPath, messages: list[Any]) -> bool:
    """Number the calls of a conversation; an answer belongs to the call right before it."""
    made = 0
    waiting: tuple[str, str] | None = None
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            return False
        where = (*path, index)
        if message.get("role") == "function":
            if waiting is None or message.get("name") != waiting[0]:
                return False
            text.replace((*where, "role"), "tool")
            text.add(where, "tool_call_id", waiting[1])
            waiting = None
            continue
        call = message.get("function_call")
        if call is None:
            continue
        if "tool_calls" in message or not isinstance(call, dict) or not isinstance(call.get("name"), str):
            return False
        made += 1
        waiting = (call["name"], f"call_{made}")
        head = text.dump({"id": waiting[1], "type": "function", "function": 0}).removesuffix("0}")
        text.rename((*where, "function_call"), "tool_calls")
        text.replace_text((*where, "function_call"), f"[{head}{text.part((*where, 'function_call'))}}}]")
    return True


FIXES = (
    Fix(
        "deprecated-functions",
        "Turn functions into tools",
        "functions becomes tools, function_call becomes tool_calls with ids call_1, call_2 and so "
        "on, function "
        "messages become tool messages with the id of the call before them. Where an answer follows no call, "
        "the row is left alone.",
        _as_tools,
    ),
)
