"""A second opinion on a row, written from OpenAI's types and published rules, and not from our checks.

`published` is what the package's types and the training schema of 2025-05-20 say; `stated` adds the rules
that stand in guides and error texts. Where this program decides otherwise, `verdict.toml` says why:
`refused_here` and `taken_here` tell which of those entries a row is a case of.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

from tests.unit.datasets.verdict.published import takes_functions, takes_message, takes_tools
from tui.datasets.formats import DatasetFormat

CHAT, PREFERENCE = DatasetFormat.CHAT, DatasetFormat.PREFERENCE
REINFORCEMENT, COMPLETION = DatasetFormat.REINFORCEMENT, DatasetFormat.COMPLETION
_OUTPUTS = ("preferred_output", "non_preferred_output")
_RESERVED = re.compile(r"<\|(endoftext|endofprompt|fim_prefix|fim_middle|fim_suffix)\|>")


def expected(row: dict[str, Any], dataset_format: DatasetFormat) -> bool:
    """Return whether the row is to be taken, all published exceptions considered."""
    plain = taken_here(row, dataset_format)[0]
    return (
        published(plain, dataset_format)
        and stated(plain, dataset_format)
        and not refused_here(row, dataset_format)
    )


def published(row: dict[str, Any], dataset_format: DatasetFormat) -> bool:
    """Return whether the types and schemas that OpenAI publishes take a row."""
    match dataset_format:
        case DatasetFormat.COMPLETION:
            return set(row) == {"prompt", "completion"} and all(isinstance(one, str) for one in row.values())
        case DatasetFormat.PREFERENCE:
            source = row.get("input")
            return (
                set(row) == {"input", *_OUTPUTS}
                and isinstance(source, dict)
                and _holder(source, {"messages", "tools", "parallel_tool_calls"})
                and all(_is_answer(row[key]) for key in _OUTPUTS)
            )
        case DatasetFormat.REINFORCEMENT:
            return _holder(
                {key: row[key] for key in ("messages", "tools") if key in row}, {"messages", "tools"}
            )
        case _:
            return _holder(row, {"messages", "tools", "functions", "parallel_tool_calls"})


def _holder(holder: dict[str, Any], allowed: set[str]) -> bool:
    return (
        set(holder) <= allowed
        and _is_list_of_messages(holder.get("messages"))
        and ("tools" not in holder or takes_tools(holder["tools"]))
        and ("functions" not in holder or takes_functions(holder["functions"]))
        and isinstance(holder.get("parallel_tool_calls", False), bool)
    )


def _is_list_of_messages(messages: object) -> bool:
    return isinstance(messages, list) and bool(messages) and all(_is_message(one) for one in messages)


def _is_message(message: object) -> bool:
    if isinstance(message, dict) and message.get("role") == "assistant" and "weight" in message:
        weight = message["weight"]
        if json.dumps(weight) not in ("0", "1"):
            return False
        message = {key: value for key, value in message.items() if key != "weight"}
    return takes_message(message)


def _is_answer(output: object) -> bool:
    return (
        isinstance(output, list)
        and len(output) == 1
        and _is_message(output[0])
        and _role(output[0]) == "assistant"
    )


def stated(row: dict[str, Any], dataset_format: DatasetFormat) -> bool:
    """Return whether a row that the schemas take keeps the rules that only guides and errors state."""
    if dataset_format is COMPLETION:
        return not _RESERVED.search(row["prompt"] + "\n" + row["completion"])
    source = row["input"] if dataset_format is PREFERENCE else row
    messages: list[dict[str, Any]] = source["messages"]
    answers = [row[key][0] for key in _OUTPUTS] if dataset_format is PREFERENCE else []
    pictures = [part for part in _parts(messages + answers) if part["type"] == "image_url"]
    texts = [*_texts(messages + answers), *_all_texts([source.get("tools"), source.get("functions")])]
    if dataset_format is REINFORCEMENT:
        texts = [*_texts(messages), *_all_texts(source.get("tools"))]
    return (
        _right_ending(messages, dataset_format)
        and all(_says_something(one) for one in messages + answers)
        and _answers_follow_calls(messages)
        and not any(_RESERVED.search(text) for text in texts)
        and len(pictures) <= (0 if dataset_format is PREFERENCE else 10)
        and all(_is_picture(part["image_url"]) for part in pictures)
    )


def _right_ending(messages: list[dict[str, Any]], dataset_format: DatasetFormat) -> bool:
    last = _role(messages[-1])
    if dataset_format is CHAT:
        return last == "assistant" and any(
            _role(one) == "assistant" and one.get("weight", 1) == 1 for one in messages
        )
    return dataset_format is PREFERENCE or last != "assistant"


def _says_something(message: dict[str, Any]) -> bool:
    return (
        _role(message) != "assistant"
        or message.get("content") is not None
        or any(message.get(key) for key in ("tool_calls", "function_call", "refusal"))
    )


def _answers_follow_calls(messages: list[dict[str, Any]]) -> bool:
    made: set[str] = set()
    for message in messages:
        if _role(message) == "tool" and message["tool_call_id"] not in made:
            return False
        made.update(call["id"] for call in message.get("tool_calls", ()))
    return True


def _is_picture(image: dict[str, Any]) -> bool:
    kind, _, content = image["url"].partition(",")
    if re.match("https?://", image["url"]):
        return True
    return (
        re.fullmatch("data:image/(jpeg|jpg|png|webp);base64", kind, re.IGNORECASE) is not None
        and len(content) * 3 // 4 <= 10 * 1024 * 1024
    )


def _parts(messages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for message in messages:
        if isinstance(message.get("content"), list):
            yield from message["content"]


def _texts(messages: list[dict[str, Any]]) -> Iterator[str]:
    for message in messages:
        yield from (
            message[key] for key in ("content", "name", "refusal") if isinstance(message.get(key), str)
        )
        functions = [call["function"] for call in message.get("tool_calls", ()) if "function" in call]
        for function in [*functions, *filter(None, [message.get("function_call")])]:
            yield from (function["name"], function["arguments"])
    for part in _parts(messages):
        yield from (part[key] for key in ("text", "refusal") if part["type"] == key)


def _all_texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _all_texts(inner)


def _role(message: object) -> object:
    return message.get("role") if isinstance(message, dict) else None


def refused_here(row: dict[str, Any], dataset_format: DatasetFormat) -> set[str]:
    """Return the published exceptions by which this program refuses what the schema takes."""
    found: set[str] = set()
    source = row.get("input") if dataset_format is PREFERENCE else row
    if not isinstance(source, dict) or dataset_format is COMPLETION:
        return found
    messages = [one for one in _listed(source.get("messages")) if isinstance(one, dict)]
    answers = [one for key in _OUTPUTS for one in _listed(row.get(key)) if isinstance(one, dict)]
    for message in messages + answers:
        found |= _refused_message(message, dataset_format)
    if any(isinstance(one, dict) and one.get("type") == "custom" for one in _listed(source.get("tools"))):
        found.add("custom-tool")
    if dataset_format is REINFORCEMENT and not (
        ("functions" not in row or takes_functions(row["functions"]))
        and isinstance(row.get("parallel_tool_calls", False), bool)
        and not any(_RESERVED.search(text) for text in _all_texts(row.get("functions")))
    ):
        found.add("own-key-of-the-schema")
    return found


def _refused_message(message: dict[str, Any], dataset_format: DatasetFormat) -> set[str]:
    role, content, found = _role(message), message.get("content"), set[str]()
    wrong_roles = {"system", "function"} if dataset_format is REINFORCEMENT else {"developer"}
    if role in wrong_roles:
        found.add(f"{role}-role")
    if content == []:
        found.add("empty-list-of-parts")
    if role == "assistant" and message.get("tool_calls") == []:
        found.add("empty-tool-calls")
    for part in _listed(content):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in ("input_audio", "file"):
            found.add("sound-and-files")
        if (
            kind == "image_url"
            and isinstance(part["image_url"], dict)
            and part["image_url"].get("detail") == "original"
        ):
            found.add("original-detail")
    if any(
        isinstance(call, dict) and call.get("type") == "custom" for call in _listed(message.get("tool_calls"))
    ):
        found.add("custom-tool-call")
    return found


def taken_here(row: dict[str, Any], dataset_format: DatasetFormat) -> tuple[dict[str, Any], set[str]]:
    """Return the row as the schema would have it, and the exceptions by which we take it as it is."""
    plain, found = copy.deepcopy(row), set[str]()
    source = plain.get("input") if dataset_format is PREFERENCE else plain
    if not isinstance(source, dict) or dataset_format is COMPLETION:
        return plain, found
    if dataset_format is PREFERENCE and "functions" in source and takes_functions(source["functions"]):
        source["tools"] = (
            [
                *_listed(source.get("tools")),
                *({"type": "function", "function": one} for one in source.pop("functions")),
            ]
            if "tools" not in source or isinstance(source["tools"], list)
            else source["tools"]
        )
        found.add("functions-in-input")
    answers = [one for key in _OUTPUTS for one in _listed(plain.get(key))]
    for message in [*_listed(source.get("messages")), *answers]:
        if not isinstance(message, dict):
            continue
        if (
            _role(message) == "tool"
            and isinstance(message.get("name"), str)
            and not _RESERVED.search(message["name"])
        ):
            del message["name"]
            found.add("name-of-a-tool-message")
        if _role(message) == "assistant" and json.dumps(message.get("weight")) in ("0.0", "1.0"):
            message["weight"] = int(message["weight"])
            found.add("weight-as-float")
    return plain, found


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
