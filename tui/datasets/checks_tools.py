"""Tool definitions, tool calls and the answers to them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import orjson

from tui.datasets.checks_text import check_nested_text, check_text
from tui.datasets.findings import RowFindings
from tui.datasets.locate import JsonPath
from tui.datasets.quoting import json_bytes, quoted

MAX_FUNCTIONS = 128
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_LONGEST_CALL_ID = 40
_MOST_REMEMBERED, _LONGEST_REMEMBERED = 64, 100_000
_faultless: dict[bytes, frozenset[str]] = {}
"""Definitions as JSON in which no rule found anything -> the names they define; files repeat them by rows."""


@dataclass(slots=True)
class OpenCalls:
    """The tool calls of a conversation while its messages are walked through."""

    defined: frozenset[str] | None
    """Names that the row defines; None when it defines no tools at all."""
    known: set[str] = field(default_factory=set)
    waiting: dict[str, JsonPath] = field(default_factory=dict)
    """Call id -> path of calls not answered yet."""


def defined_tools(row: RowFindings, holder: dict[str, Any], path: JsonPath) -> frozenset[str] | None:
    """Check tools, functions and parallel_tool_calls of a row or input; return the names defined."""
    if not holder.keys() & {"tools", "functions", "parallel_tool_calls"}:
        return None
    written = json_bytes(holder["tools"]) if "tools" in holder and "functions" not in holder else None
    known = None if written is None else _faultless.get(written)
    names: set[str] = set(known or ())
    before = row.added
    for key in ("tools", "functions"):
        if key in holder and known is None:
            names.update(_check_definitions(row, holder[key], (*path, key), wrapped=key == "tools"))
    if known is None and written is not None and row.added == before:
        _remember(written, frozenset(names))
    if "functions" in holder:
        row.add("deprecated-functions", "functions is deprecated; use tools.", (*path, "functions"))
    if not isinstance(holder.get("parallel_tool_calls", True), bool):
        row.add(
            "tools-malformed",
            "parallel_tool_calls must be true or false.",
            (*path, "parallel_tool_calls"),
            text=quoted(holder["parallel_tool_calls"]),
        )
    return frozenset(names) if holder.keys() & {"tools", "functions"} else None


def _remember(written: bytes, names: frozenset[str]) -> None:
    if len(written) <= _LONGEST_REMEMBERED and len(_faultless) < _MOST_REMEMBERED:
        _faultless[written] = names


def _check_definitions(row: RowFindings, value: object, path: JsonPath, *, wrapped: bool) -> set[str]:
    names: set[str] = set()
    needed = 'type "function" and a function with a name' if wrapped else "a name"
    if not isinstance(value, list):
        row.add("tools-malformed", f"{path[-1]} must be a list.", path, text=quoted(value))
        return names
    if not wrapped and not 1 <= len(value) <= MAX_FUNCTIONS:
        row.add("tools-malformed", f"functions holds {len(value)} entries; 1 to 128 are allowed.", path)
    if wrapped and len(value) > MAX_FUNCTIONS:
        row.add("too-many-tools", f"The row defines {len(value)} tools; 128 are the most.", path)
    for index, entry in enumerate(value):
        function = entry.get("function") if wrapped and isinstance(entry, dict) else entry
        right_type = not wrapped or (isinstance(entry, dict) and entry.get("type") == "function")
        name = function.get("name") if isinstance(function, dict) else None
        if right_type and isinstance(function, dict) and isinstance(name, str):
            names.add(name)
            _check_definition(row, function, (*path, index, "function") if wrapped else (*path, index))
        else:
            row.add(
                "tools-malformed",
                f"{path[-1]}[{index}] needs {needed}.",
                (*path, index),
                text=quoted(entry),
            )
    check_nested_text(row, value, path)
    return names


def _check_definition(row: RowFindings, function: dict[str, Any], path: JsonPath) -> None:
    """Check what a function with a name may hold beside it."""
    if not _TOOL_NAME.fullmatch(function["name"]):
        row.add(
            "tool-name-form",
            f"The tool {quoted(function['name'], 40)!r} has a name that no call can carry.",
            (*path, "name"),
            text=function["name"],
        )
    for key, kind, words in (("description", str, "text"), ("parameters", dict, "an object")):
        if not isinstance(function.get(key, kind()), kind):
            row.add(
                "tools-malformed",
                f"{key} of a tool must be {words}.",
                (*path, key),
                text=quoted(function[key]),
            )
    # The old functions have no strict: whatever stands there is not looked at.
    if path[-1] == "function" and not isinstance(function.get("strict"), bool | None):
        row.add("tools-malformed", "strict of a tool must be true or false.", (*path, "strict"))


def check_tool_calls(row: RowFindings, message: dict[str, Any], path: JsonPath, calls: OpenCalls) -> None:
    """Check tool_calls and function_call of an assistant message and remember the calls.

    Args:
        row: Receives the findings.
        message: The assistant message.
        path: Of the message.
        calls: The conversation's calls, changed.
    """
    if message.get("function_call") is not None:
        where = (*path, "function_call")
        row.add("deprecated-functions", "function_call is deprecated; use tool_calls.", where)
        _check_function(row, message["function_call"], where, calls)
    if "tool_calls" not in message:
        return
    value = message["tool_calls"]
    where = (*path, "tool_calls")
    if not isinstance(value, list) or not value:
        row.add(
            "tool-calls-malformed",
            "tool_calls must be a list of at least one call.",
            where,
            text=quoted(value),
        )
        return
    for index, call in enumerate(value):
        _check_call(row, call, (*where, index), calls)


def _check_call(row: RowFindings, call: object, path: JsonPath, calls: OpenCalls) -> None:
    call_id = call.get("id") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(call_id, str) or call.get("type") != "function":
        row.add(
            "tool-calls-malformed",
            'A tool call needs an id, type "function" and function.',
            path,
            text=quoted(call),
        )
        if not isinstance(call, dict):
            return
    if isinstance(call_id, str):
        if len(call_id) > _LONGEST_CALL_ID:
            row.add(
                "tool-call-id-long",
                f"The id of the call has {len(call_id)} characters; the chat API takes 40.",
                (*path, "id"),
                text=call_id,
            )
        calls.known.add(call_id)
        calls.waiting[call_id] = path
    _check_function(row, call.get("function"), (*path, "function"), calls)


def _check_function(row: RowFindings, function: object, path: JsonPath, calls: OpenCalls) -> None:
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not isinstance(name, str) or "arguments" not in function:
        row.add(
            "tool-calls-malformed",
            "The called function needs a name and arguments.",
            path,
            text=quoted(function),
        )
        if not isinstance(function, dict):
            return
    if isinstance(name, str):
        check_text(row, name, (*path, "name"))
    if isinstance(name, str) and name not in (calls.defined or ()):
        row.add("tool-not-defined", f'"{name}" is called but not among the row\'s tools.', path, text=name)
    if "arguments" in function:
        _check_arguments(row, function["arguments"], (*path, "arguments"))


def _check_arguments(row: RowFindings, arguments: object, path: JsonPath) -> None:
    if not isinstance(arguments, str):
        row.add(
            "tool-arguments-not-text",
            "arguments must be JSON in a string.",
            path,
            text=quoted(arguments),
        )
        return
    check_text(row, arguments, path)
    try:
        orjson.loads(arguments.encode("utf-8", "replace"))
    except orjson.JSONDecodeError:
        row.add("tool-arguments-not-json", "arguments is not valid JSON.", path, text=arguments)


def check_tool_answer(
    row: RowFindings, message: dict[str, Any], path: JsonPath, calls: OpenCalls, number: int
) -> None:
    """Check that a tool message answers a call made before it."""
    call_id = message.get("tool_call_id")
    if isinstance(call_id, str) and call_id in calls.known:
        calls.waiting.pop(call_id, None)
        return
    missing = "tool_call_id" not in message
    row.add(
        "tool-call-id",
        f"messages[{number - 1}] (tool) "
        + ("has no tool_call_id." if missing else "answers a call that was not made before it."),
        path if missing else (*path, "tool_call_id"),
        text=None if missing else quoted(call_id),
    )


def report_unanswered(row: RowFindings, calls: OpenCalls) -> None:
    """Report calls that the conversation left behind without a tool message."""
    for call_id, path in calls.waiting.items():
        row.add("tool-call-unanswered", f'The call "{call_id}" gets no tool message.', path, text=call_id)
    calls.waiting.clear()
