"""The rules for a list of messages, which chat, preference and reinforcement rows share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tui.datasets.checks_text import check_parts, check_text
from tui.datasets.checks_tools import (
    OpenCalls,
    check_tool_answer,
    check_tool_calls,
    defined_tools,
    report_unanswered,
)
from tui.datasets.findings import RowFindings
from tui.datasets.formats import DatasetFormat
from tui.datasets.locate import JsonPath
from tui.datasets.quoting import quoted

_COMMON_KEYS = frozenset({"role", "content", "name"})
ALLOWED_KEYS: dict[str, frozenset[str]] = {
    "system": _COMMON_KEYS,
    "developer": _COMMON_KEYS,
    "user": _COMMON_KEYS,
    "assistant": _COMMON_KEYS | {"weight", "refusal", "audio", "tool_calls", "function_call"},
    "tool": _COMMON_KEYS | {"tool_call_id"},
    "function": _COMMON_KEYS,
}
"""Role -> keys of its messages; `name` on tool messages is in no schema, yet in OpenAI's older examples."""
_INSTEAD_OF_CONTENT = ("tool_calls", "function_call", "refusal")
MAX_IMAGES = 10
MAX_IMAGES_AT_AZURE = 64


@dataclass(slots=True)
class Conversation:
    """What a walk over messages saw."""

    images: int = 0
    system: bool = False
    user: bool = False
    assistant: bool = False
    trained: bool = False
    """An assistant message has a weight that is not 0."""
    last_role: str | None = None
    last_calls: bool = False
    """The last message had tool_calls."""
    messages: int = 0
    broken: bool = False
    """A message is no object or has no known role, so that nothing can be said about who speaks."""


def check_conversation(
    row: RowFindings, holder: dict[str, Any], path: JsonPath, dataset_format: DatasetFormat
) -> Conversation | None:
    """Check the messages and tools of a row or of a preference row's input.

    Args:
        row: Receives the findings.
        holder: The object with the key "messages", which must exist.
        path: Of the holder.
        dataset_format: Of the row.

    Returns:
        What was seen, or None when there is no list to walk.
    """
    messages = holder["messages"]
    where = (*path, "messages")
    if not isinstance(messages, list):
        row.add(
            "messages-not-list",
            f"messages is {kind_of(messages)}, not a list.",
            where,
            text=quoted(messages),
        )
        return None
    if not messages:
        row.add(
            "messages-empty",
            "messages is empty.",
            where,
        )
        return None
    seen = Conversation(messages=len(messages))
    calls = OpenCalls(defined_tools(row, holder, path))
    for index, message in enumerate(messages):
        _check_message(row, message, (*where, index), index + 1, seen, calls, dataset_format)
    if seen.images > MAX_IMAGES:
        row.add("too-many-images", f"The example holds {seen.images} images; 10 are allowed.", where)
    if seen.images > MAX_IMAGES_AT_AZURE:
        row.add("too-many-images-azure", f"The example holds {seen.images} images; 64 are allowed.", where)
    if seen.images and dataset_format is not DatasetFormat.PREFERENCE:  # those take none anywhere
        row.add("images-not-read", "The example holds images; the local engine trains on text only.", where)
    return seen


def _check_message(
    row: RowFindings,
    message: object,
    path: JsonPath,
    number: int,
    seen: Conversation,
    calls: OpenCalls,
    dataset_format: DatasetFormat,
) -> None:
    if not isinstance(message, dict):
        seen.last_role = None
        seen.broken = True
        row.add(
            "message-not-object",
            f"messages[{number - 1}] is {kind_of(message)}, not an object.",
            path,
            text=quoted(message),
        )
        return
    role = known_role(row, message, path, number)
    if role == "assistant":
        if seen.last_role == "assistant":
            row.add(
                "consecutive-assistant", f"messages[{number - 1}] follows another assistant message.", path
            )
            if seen.last_calls and "tool_calls" in message:
                row.add(
                    "consecutive-tool-calls", f"messages[{number - 1}] calls tools as the one before.", path
                )
        seen.assistant = True
        seen.trained = seen.trained or message.get("weight") != 0
    elif role == "system" or role == "developer":
        seen.system = True
        _check_role_of_format(row, role, path, number, dataset_format)
    elif role == "function":
        _check_role_of_format(row, role, path, number, dataset_format)
    elif role == "user":
        seen.user = True
    if calls.waiting and role != "tool" and role is not None:
        report_unanswered(row, calls)
    seen.last_role = role
    seen.last_calls = "tool_calls" in message
    if role is None:
        seen.broken = True
    else:
        seen.images += check_known_message(row, message, path, number, role, calls)


def known_role(row: RowFindings, message: dict[str, Any], path: JsonPath, number: int) -> str | None:
    """Return the role of a message, or report that it has none that is known and return None."""
    role = message.get("role")
    if isinstance(role, str) and role in ALLOWED_KEYS:
        return role
    if "role" not in message:
        row.add(
            "missing-role",
            f"messages[{number - 1}] has no role.",
            path,
            text=quoted(message),
            # Published for the messages of chat rows only.
            service=f", message {number} Discriminator 'role' is missing in value"
            if path[0] == "messages"
            else None,
        )
    else:
        row.add(
            "unknown-role",
            f"messages[{number - 1}] has the unknown role {quoted(role, 40)!r}.",
            (*path, "role"),
            text=quoted(role),
        )
    return None


def _check_role_of_format(
    row: RowFindings, role: str, path: JsonPath, number: int, dataset_format: DatasetFormat
) -> None:
    if role == "developer" and dataset_format is not DatasetFormat.REINFORCEMENT:
        row.add(
            "developer-role", f"messages[{number - 1}] has the role developer.", (*path, "role"), text=role
        )
    elif role == "system" and dataset_format is DatasetFormat.REINFORCEMENT:
        row.add("system-role", f"messages[{number - 1}] has the role system.", (*path, "role"), text=role)
    elif role == "function" and dataset_format is DatasetFormat.REINFORCEMENT:
        row.add("function-role", f"messages[{number - 1}] has the role function.", (*path, "role"), text=role)


def check_known_message(
    row: RowFindings, message: dict[str, Any], path: JsonPath, number: int, role: str, calls: OpenCalls
) -> int:
    """Check keys, content, weight and tools of a message whose role is known; return its images."""
    if not message.keys() <= ALLOWED_KEYS[role]:
        _report_extra_keys(row, message, path, number, role)
    if "name" in message or role == "function":
        _check_name(row, message, path, number, role)
    if role == "assistant":
        if "weight" in message:
            _check_weight(row, message["weight"], path, number)
        if "tool_calls" in message or "function_call" in message:
            check_tool_calls(row, message, path, calls)
        if message.get("refusal") is not None or message.get("audio") is not None:
            _check_refusal_and_audio(row, message, path, number)
    elif role == "tool":
        check_tool_answer(row, message, path, calls, number)
    elif role == "function":
        row.add("deprecated-functions", f"messages[{number - 1}] has the deprecated role function.", path)
    return _check_content(row, message, path, number, role)


def _check_content(row: RowFindings, message: dict[str, Any], path: JsonPath, number: int, role: str) -> int:
    content = message.get("content")
    where = (*path, "content")
    if isinstance(content, str):
        check_text(row, content, where)
        if (not content or content.isspace()) and not _has_substitute(message, role):
            row.add("empty-content", f"messages[{number - 1}] ({role}) has no text.", where, text=content)
        return 0
    if isinstance(content, list) and content and role != "function":
        return check_parts(row, content, where, role, number)
    if content is None:
        if not _has_substitute(message, role) and not (role == "function" and "content" in message):
            row.add(
                "missing-content",
                f"messages[{number - 1}] ({role}) has no content.",
                where if "content" in message else path,
            )
        return 0
    found = "an empty list" if content == [] else kind_of(content)
    row.add(
        "content-type",
        f"The content of messages[{number - 1}] is {found}, not text or a list of parts.",
        where,
        text=quoted(content),
    )
    return 0


def _has_substitute(message: dict[str, Any], role: str) -> bool:
    return role == "assistant" and any(message.get(key) for key in _INSTEAD_OF_CONTENT)


def _report_extra_keys(
    row: RowFindings, message: dict[str, Any], path: JsonPath, number: int, role: str
) -> None:
    for key in message.keys() - ALLOWED_KEYS[role]:
        if key == "weight":
            row.add(
                "weight-role",
                f"messages[{number - 1}] ({role}) has a weight; only assistant messages may.",
                (*path, key),
                text=f"{key}: {message[key]}",
                at_key=True,
            )
        else:
            row.add(
                "message-extra-key",
                f'messages[{number - 1}] ({role}) has the key "{key}", which is not allowed there.',
                (*path, key),
                text=key,
                at_key=True,
            )


def _check_name(row: RowFindings, message: dict[str, Any], path: JsonPath, number: int, role: str) -> None:
    name = message.get("name")
    if isinstance(name, str):
        check_text(row, name, (*path, "name"))
    else:
        row.add(
            "name-type",
            f"messages[{number - 1}] ({role}) needs a name that is text.",
            (*path, "name"),
            text=quoted(name),
        )


def _check_refusal_and_audio(row: RowFindings, message: dict[str, Any], path: JsonPath, number: int) -> None:
    refusal, audio = message.get("refusal"), message.get("audio")
    if isinstance(refusal, str):
        check_text(row, refusal, (*path, "refusal"))
    elif refusal is not None:
        row.add(
            "content-type",
            f"The refusal of messages[{number - 1}] is {kind_of(refusal)}, not text.",
            (*path, "refusal"),
            text=quoted(refusal),
        )
    if audio is not None and not (isinstance(audio, dict) and isinstance(audio.get("id"), str)):
        row.add(
            "content-type",
            f"The audio of messages[{number - 1}] is no object with an id.",
            (*path, "audio"),
            text=quoted(audio),
        )


def _check_weight(row: RowFindings, weight: object, path: JsonPath, number: int) -> None:
    if type(weight) is int and weight in (0, 1):
        return
    if type(weight) is float and weight in (0.0, 1.0):
        row.add("weight-form", f"messages[{number - 1}] has the weight {weight}.", (*path, "weight"))
        return
    row.add(
        "weight-value",
        f"messages[{number - 1}] has the weight {quoted(weight, 40)}; only 0 and 1 are allowed.",
        (*path, "weight"),
        text=quoted(weight),
    )


def kind_of(value: object) -> str:
    """Return what a JSON value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    kinds = {str: "text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return kinds.get(type(value), "something else")
