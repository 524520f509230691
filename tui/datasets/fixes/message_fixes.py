"""Fixes of keys, roles, contents and weights of messages."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import orjson

from tui.datasets.checks_messages import ALLOWED_KEYS
from tui.datasets.fixes.base import Fix
from tui.datasets.fixes.json_text import JsonText
from tui.datasets.fixes.row_rules import RowVerdict, Wrong
from tui.datasets.formats import DatasetFormat
from tui.datasets.locate import JsonPath

ROLE_SYNONYMS = {
    "human": "user",
    "customer": "user",
    "prompter": "user",
    "gpt": "assistant",
    "bot": "assistant",
    "chatbot": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "chatgpt": "assistant",
}
"""Words for the two speakers in ShareGPT, OpenAssistant, Gemini and other public data."""
_KEY_SYNONYMS = {
    "messages": ("conversations", "conversation"),
    "preferred_output": ("preferred_completion",),
    "non_preferred_output": ("non_preferred_completion",),
}
_TEXT_PART_TYPES = ("input_text", "output_text")


def at(value: Any, path: JsonPath) -> Any:
    """Return what stands at a path."""
    for step in path:
        value = value[step]
    return value


def _renamed_keys(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes:
    text = JsonText(line.decode("utf-8"))
    for key, synonyms in _KEY_SYNONYMS.items():
        found = [name for name in synonyms if name in verdict.value]
        if key not in verdict.value and len(found) == 1:
            text.rename((found[0],), key)
    return text.text().encode()


def _without_values(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes:
    """Take out what each finding points at."""
    text = JsonText(line.decode("utf-8"))
    for path in {found.path for found in wrong}:
        text.remove(path)
    return text.text().encode()


def _without_extra_keys(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    if {"missing-key", "input-not-object"} & verdict.rules:
        return None  # the extra key may hold what is missing
    return _without_values(line, verdict, wrong)


def _without_message_keys(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    if "missing-content" in verdict.rules:
        return None  # the extra key may hold what is missing
    return _without_values(line, verdict, wrong)


def _listed_messages(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    text = JsonText(line.decode("utf-8"))
    for path in (found.path for found in wrong):
        value = at(verdict.value, path)
        if isinstance(value, dict) and "role" in value:
            text.replace_text(path, f"[{text.part(path)}]")
        elif isinstance(value, str) and isinstance(_parsed(value), list):
            text.replace(path, _parsed(value))
        else:
            return None
    return text.text().encode()


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return None


def _without_nulls(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    if any(at(verdict.value, found.path) is not None for found in wrong):
        return None
    return _without_values(line, verdict, wrong)


def _role_from_sender(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    """ShareGPT says who speaks in `from` and what in `value`."""
    text = JsonText(line.decode("utf-8"))
    for found in wrong:
        message = at(verdict.value, found.path)
        sender = message.get("from")
        role = _role(sender)
        if role is None:
            return None
        text.rename((*found.path, "from"), "role")
        if role != sender:
            text.replace((*found.path, "from"), role)
        if "content" not in message and "value" in message:
            text.rename((*found.path, "value"), "content")
    return text.text().encode()


def _role(word: object) -> str | None:
    if not isinstance(word, str):
        return None
    plain = word.strip().lower()
    return plain if plain in ALLOWED_KEYS else ROLE_SYNONYMS.get(plain)


def _known_roles(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    text = JsonText(line.decode("utf-8"))
    for found in wrong:
        role = _role(at(verdict.value, found.path))
        if role is None:
            return None
        text.replace(found.path, role)
    return text.text().encode()


def _other_role(role: str) -> Any:
    def fix(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes:
        text = JsonText(line.decode("utf-8"))
        for found in wrong:
            text.replace(found.path, role)
        return text.text().encode()

    return fix


def _without_empty_messages(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    """Take out messages that say nothing, where the others still are a conversation."""
    if verdict.format in (DatasetFormat.COMPLETION, DatasetFormat.TEXT):
        return None
    paths = {_message_path(found.path) for found in wrong}
    text = JsonText(line.decode("utf-8"))
    gone: dict[JsonPath, set[int]] = {}
    for path in paths:
        if path is None or path[0] in ("preferred_output", "non_preferred_output"):
            return None
        message = at(verdict.value, path)
        if message.get("role") in ("tool", "function"):
            if message.get("content") is None:
                _give_empty_text(text, path, message)
                continue
            return None  # a tool that returned nothing is an answer
        text.remove(path)
        index = path[-1]
        assert isinstance(index, int)
        gone.setdefault(path[:-1], set()).add(index)
    for holder, indexes in gone.items():
        kept = [message for index, message in enumerate(at(verdict.value, holder)) if index not in indexes]
        if not _is_conversation(kept, verdict.format):
            return None
    return text.text().encode()


def _give_empty_text(text: JsonText, path: JsonPath, message: dict[str, Any]) -> None:
    if "content" in message:
        text.replace((*path, "content"), "")
    else:
        text.add(path, "content", "")


def _message_path(path: JsonPath) -> JsonPath | None:
    """Return the path of the message in which a path ends."""
    start = 2 if path[:1] == ("input",) else 1
    return path[: start + 1] if len(path) > start and isinstance(path[start], int) else None


def _is_conversation(messages: list[Any], dataset_format: DatasetFormat) -> bool:
    """Say whether questions and answers still follow each other, and the row still has what it needs."""
    spoken = [
        message.get("role")
        for message in messages
        if isinstance(message, dict) and message.get("role") not in ("system", "developer")
    ]
    if any(left == right != "tool" for left, right in pairwise(spoken)):
        return False
    needs_answer = dataset_format in (DatasetFormat.CHAT, DatasetFormat.UNKNOWN)
    return "user" in spoken and (not needs_answer or spoken[-1] == "assistant")


def _text_content(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    text = JsonText(line.decode("utf-8"))
    for found in wrong:
        if found.path[-1] != "content":
            return None
        value = at(verdict.value, found.path)
        if isinstance(value, dict) and "type" in value:
            text.replace_text(found.path, f"[{text.part(found.path)}]")
        elif isinstance(value, dict | int | float) and value != {}:
            text.replace(found.path, text.part(found.path))
        else:
            return None
    return text.text().encode()


def _known_parts(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    text = JsonText(line.decode("utf-8"))
    for found in wrong:
        part = at(verdict.value, found.path)
        if isinstance(part, str):
            text.replace(found.path, {"type": "text", "text": part})
        elif not isinstance(part, dict) or not isinstance(part.get("text"), str):
            return None
        elif part.get("type") in _TEXT_PART_TYPES:
            text.replace((*found.path, "type"), "text")
        elif "type" not in part and len(part) == 1:
            text.replace(found.path, {"type": "text", "text": part["text"]})
        else:
            return None
    return text.text().encode()


def _text_names(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    text = JsonText(line.decode("utf-8"))
    for found in wrong:
        message = at(verdict.value, found.path[:-1])
        name = message.get("name")
        if type(name) in (int, float):
            text.replace(found.path, text.part(found.path))
        elif name is None and "name" in message and message.get("role") != "function":
            text.remove(found.path)
        else:
            return None
    return text.text().encode()


_WEIGHTS: tuple[tuple[Any, int], ...] = ((0, 0), (1, 1), ("0", 0), ("1", 1), ("0.0", 0), ("1.0", 1))


def _whole_weights(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    text = JsonText(line.decode("utf-8"))
    for found in wrong:
        weight = at(verdict.value, found.path)
        meant = [number for written, number in _WEIGHTS if weight == written]
        if weight is None:
            text.remove(found.path)
        elif meant:
            text.replace(found.path, meant[0])
        else:
            return None
    return text.text().encode()


def _cut_after_answer(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    messages = verdict.value["messages"]
    last = max(index for index, message in enumerate(messages) if message["role"] == "assistant")
    text = JsonText(line.decode("utf-8"))
    for index in range(last + 1, len(messages)):
        text.remove(("messages", index))
    return text.text().encode()


FIXES = (
    Fix(
        "missing-key",
        "Rename the key that others use for it",
        "conversations becomes messages; preferred_completion and non_preferred_completion become "
        "preferred_output and non_preferred_output. Other keys are left alone.",
        _renamed_keys,
    ),
    Fix(
        "extra-key",
        "Remove keys that the service refuses",
        "The key and its value go; the service would refuse the whole file. Nothing is done while a required "
        "key is missing, since its content may stand under the extra one.",
        _without_extra_keys,
    ),
    Fix(
        "messages-not-list",
        "Make messages a list",
        "A single message is put into a list; a list that was written into a string is taken out of it.",
        _listed_messages,
    ),
    Fix(
        "message-not-object",
        "Remove null from messages",
        "Only null entries go; texts and numbers are left alone, for who speaks is not known.",
        _without_nulls,
    ),
    Fix(
        "missing-role",
        "Take the role from the key from",
        "As ShareGPT has it: from becomes role (human: user, gpt: assistant), value becomes content.",
        _role_from_sender,
    ),
    Fix(
        "unknown-role",
        "Use the service's words for roles",
        "human and the like become user; gpt, bot, model and the like become assistant; letter "
        "case and spaces "
        "are mended. Other words are left alone.",
        _known_roles,
    ),
    Fix(
        "developer-role",
        "Write system instead of developer",
        "In supervised rows both mean the same, and system is surely taken.",
        _other_role("system"),
    ),
    Fix(
        "system-role",
        "Write developer instead of system",
        "In reinforcement rows both mean the same, and developer is surely taken.",
        _other_role("developer"),
    ),
    Fix(
        "message-extra-key",
        "Remove keys that the message may not have",
        "The key and its value go; the service would refuse the whole file. Nothing is done while a message "
        "has no content, since that may stand under the extra key.",
        _without_message_keys,
    ),
    Fix(
        "missing-content",
        "Remove messages without content",
        "They go where questions and answers still follow each other without them; a tool message "
        "gets an empty "
        "text instead. Elsewhere the row is left alone.",
        _without_empty_messages,
    ),
    Fix(
        "empty-content",
        "Remove empty messages",
        "They go where questions and answers still follow each other without them; elsewhere, and for tools, "
        "the row is left alone.",
        _without_empty_messages,
    ),
    Fix(
        "content-type",
        "Write the content as text",
        "A number, true, false or object becomes the same JSON as text; a single part is put into a list.",
        _text_content,
    ),
    Fix(
        "content-part",
        "Give text parts their type",
        "Bare strings, parts without a type and input_text or output_text become parts of type text.",
        _known_parts,
    ),
    Fix("name-type", "Mend the name", "A number becomes text; a null name goes.", _text_names),
    Fix(
        "weight-value",
        "Write weight as 0 or 1",
        'true, "1" and the like become 1; false, "0" and the like become 0; null goes, which means 1. Other '
        "numbers are left alone.",
        _whole_weights,
    ),
    Fix("weight-form", "Write weight as 0 or 1", "1.0 becomes 1, and 0.0 becomes 0.", _whole_weights),
    Fix(
        "weight-role",
        "Remove the weight",
        "Only assistant messages are learned, so it means nothing there.",
        _without_values,
    ),
    Fix(
        "weight-in-output",
        "Remove the weight",
        "Both answers of a pair always count.",
        _without_values,
    ),
    Fix(
        "last-not-assistant",
        "Cut what follows the last answer",
        "Nothing can be learned from it. The messages behind the last answer go.",
        _cut_after_answer,
    ),
)
