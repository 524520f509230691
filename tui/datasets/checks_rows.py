"""The rules for one row of each format; a missing key comes before an extra one, as the service has it."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from tui.datasets.checks_messages import (
    Conversation,
    check_conversation,
    check_known_message,
    kind_of,
    known_role,
)
from tui.datasets.checks_text import check_text
from tui.datasets.checks_tools import OpenCalls
from tui.datasets.findings import RowFindings
from tui.datasets.formats import CHAT_KEYS, COMPLETION_KEYS, PREFERENCE_KEYS, TEXT_KEYS, DatasetFormat
from tui.datasets.locate import JsonPath
from tui.datasets.quoting import quoted

_INPUT_KEYS = frozenset({"messages", "tools", "functions", "parallel_tool_calls"})


def check_chat_row(row: RowFindings, value: dict[str, Any]) -> Conversation | None:
    """Check a row for supervised tuning."""
    has_messages = "messages" in value
    if value.keys() == TEXT_KEYS and isinstance(value["text"], str):
        row.add("text-format", "The row is bare text.", service=" is missing key 'messages'.")
        check_text(row, value["text"], ("text",))
        return None
    if not has_messages:
        _report_missing(row, "messages")
    _report_extra_keys(row, value, CHAT_KEYS)
    if not has_messages:
        return None
    seen = check_conversation(row, value, (), DatasetFormat.CHAT)
    if seen is None or seen.broken:
        return seen
    _check_user(row, seen, ("messages",))
    if not seen.assistant:
        row.add("no-assistant", "No message is the assistant's.", ("messages",))
        return seen
    if not seen.trained:
        row.add("nothing-trained", "Every assistant message has weight 0.", ("messages",))
    if seen.last_role != "assistant":
        row.add(
            "last-not-assistant",
            f"The last message is {_whose(seen.last_role)}, not the assistant's.",
            ("messages", len(value["messages"]) - 1),
            text=seen.last_role,
        )
    return seen


def check_preference_row(row: RowFindings, value: dict[str, Any]) -> Conversation | None:
    """Check a row for preference tuning."""
    for key in ("input", "preferred_output", "non_preferred_output"):
        if key not in value:
            _report_missing(row, key)
    _report_extra_keys(row, value, PREFERENCE_KEYS)
    seen = _check_input(row, value["input"]) if "input" in value else None
    for key in ("preferred_output", "non_preferred_output"):
        if key in value:
            _check_output(row, value[key], key)
    _check_difference(row, value)
    return seen


def _check_input(row: RowFindings, source: object) -> Conversation | None:
    path: JsonPath = ("input",)
    if not isinstance(source, dict) or "messages" not in source:
        row.add(
            "input-not-object",
            "input has no messages."
            if isinstance(source, dict)
            else f"input is {kind_of(source)}, not an object.",
            path,
            text=quoted(source),
        )
        return None
    _report_extra_keys(row, source, _INPUT_KEYS, path, published=False)
    seen = check_conversation(row, source, path, DatasetFormat.PREFERENCE)
    if seen is None or seen.broken:
        return seen
    _check_user(row, seen, (*path, "messages"))
    if seen.last_role == "assistant":
        last = len(source["messages"]) - 1
        row.add(
            "input-ends-with-assistant",
            "The input ends with an assistant message, and the answers follow it.",
            (*path, "messages", last),
        )
    if seen.images:
        row.add("images-not-supported", "The input holds images; preference tuning takes text only.", path)
    return seen


def _check_output(row: RowFindings, output: object, key: str) -> None:
    if not isinstance(output, list) or len(output) != 1 or not isinstance(output[0], dict):
        found = f"{len(output)} entries" if isinstance(output, list) else kind_of(output)
        row.add(
            "output-count",
            f"{key} must be a list of exactly one message, and is {found}.",
            (key,),
            text=quoted(output),
        )
        return
    message, path = output[0], (key, 0)
    role = known_role(row, message, path, 1)
    if role is None:
        return
    if role != "assistant":
        row.add(
            "output-role",
            f"The message of {key} is {_whose(role)}, not the assistant's.",
            (*path, "role"),
            text=role,
        )
        return
    if "weight" in message:
        row.add("weight-in-output", f"The message of {key} has a weight.", (*path, "weight"), at_key=True)
    if check_known_message(row, message, path, 1, role, OpenCalls(None)):
        row.add("images-not-supported", f"{key} holds an image; preference tuning takes text only.", path)


def _check_difference(row: RowFindings, value: dict[str, Any]) -> None:
    preferred = value.get("preferred_output")
    if preferred and preferred == value.get("non_preferred_output"):
        row.add("identical-outputs", "Both answers are the same.", ("non_preferred_output",))


def check_reinforcement_row(row: RowFindings, value: dict[str, Any]) -> Conversation | None:
    """Check a row for reinforcement tuning, whose own keys are free."""
    if "messages" not in value:
        _report_missing(row, "messages")
        return None
    seen = check_conversation(row, value, (), DatasetFormat.REINFORCEMENT)
    if seen is not None and seen.last_role == "assistant":
        row.add(
            "answer-in-messages",
            "The messages end with an answer; they must end before it.",
            ("messages", len(value["messages"]) - 1),
        )
    return seen


def check_completion_row(row: RowFindings, value: dict[str, Any]) -> None:
    """Check a row for the old base models."""
    _report_extra_keys(row, value, COMPLETION_KEYS, published=False)
    for key in ("prompt", "completion"):
        if key not in value:
            _report_missing(row, key, published=False)
        elif not isinstance(value[key], str):
            row.add(
                "value-not-text",
                f"{key} is {kind_of(value[key])}, not text.",
                (key,),
                text=quoted(value[key]),
            )
        else:
            check_text(row, value[key], (key,))
            if not value[key].strip() and key == "completion":
                row.add("empty-content", "The completion is empty.", (key,), text=value[key])


def check_text_row(row: RowFindings, value: dict[str, Any]) -> None:
    """Check a row of bare text."""
    _report_extra_keys(row, value, TEXT_KEYS, published=False)
    text = value.get("text")
    if "text" not in value:
        _report_missing(row, "text", published=False)
    elif not isinstance(text, str):
        row.add("value-not-text", f"text is {kind_of(text)}, not text.", ("text",), text=quoted(text))
    else:
        check_text(row, text, ("text",))
        if not text.strip():
            row.add("empty-content", "The text is empty.", ("text",), text=text)


def _report_missing(row: RowFindings, key: str, *, published: bool = True) -> None:
    service = f" is missing key '{key}'." if published else None
    row.add("missing-key", f'The key "{key}" is missing.', service=service)


def _report_extra_keys(
    row: RowFindings,
    value: dict[str, Any],
    allowed: Set[str],
    path: JsonPath = (),
    *,
    published: bool = True,
) -> None:
    """Report what is not allowed; `published`: the service's sentence for keys at this place is known."""
    if value.keys() <= allowed:
        return
    for key in value:
        if key not in allowed:
            row.add(
                "extra-key",
                f'The key "{key}" is not allowed here.',
                (*path, key),
                text=key,
                service=f' contains an extra "{key}".' if published else None,
                at_key=True,
            )


def _check_user(row: RowFindings, seen: Conversation, path: JsonPath) -> None:
    if not seen.user:
        row.add("no-user", "No message is the user's.", path)


def _whose(role: str | None) -> str:
    return "of no known role" if role is None else f"of {role}"
