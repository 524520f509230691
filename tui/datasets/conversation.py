"""A row as the conversation it holds, and as one line for a list; every string given out is safe to show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tui.datasets.facet_flags import THINKING_KEYS, THINKING_PARTS
from tui.datasets.formats import CHAT_KEYS, DatasetFormat, row_format
from tui.datasets.quoting import json_text, quoted
from tui.datasets.source import Row
from tui.safe_text import safe_line, safe_text

_SHOWN_CHARACTERS = 200_000
"""Most characters of one message that are shown."""
_SHOWN_MESSAGES = 2_000
_SHOWN_TOOLS = 200


@dataclass(frozen=True, slots=True)
class Turn:
    """One message as it is drawn."""

    role: str
    text: str
    weight: int | None = None
    tool_calls: tuple[str, ...] = ()
    """Each as name(arguments)."""
    images: tuple[str, ...] = ()
    """What is known of each without fetching it, such as "PNG, 12 KB in the row"."""
    name: str | None = None
    note: str = ""
    """"preferred" or "not preferred" in a preference row, else empty."""
    thinking: str = ""
    """Reasoning that stands beside the answer."""

    @property
    def facts(self) -> tuple[str, ...]:
        """What stands beside the role, in words."""
        facts = [self.name] if self.name else []
        if self.weight is not None:
            facts.append("weight 0: not trained on" if self.weight == 0 else f"weight {self.weight}")
        if self.images:
            facts.append(f"{len(self.images)} image{'s' if len(self.images) > 1 else ''}")
        if self.note:
            facts.append(self.note)
        return tuple(facts)


def conversation(row: Row, dataset_format: DatasetFormat) -> tuple[Turn, ...]:
    """Return the messages of a row, as far as they can be made out; () when there are none.

    Args:
        row: Of any shape; nothing is taken for granted.
        dataset_format: Of the file; UNKNOWN looks at the row itself.
    """
    value = row.value
    if not isinstance(value, dict):
        return ()
    if dataset_format is DatasetFormat.UNKNOWN:
        dataset_format = row_format(value)
    if dataset_format is DatasetFormat.PREFERENCE:
        source = value.get("input")
        return (
            *_tools_turn(source if isinstance(source, dict) else {}),
            *_turns(source.get("messages") if isinstance(source, dict) else None),
            *_turns(value.get("preferred_output"), "preferred"),
            *_turns(value.get("non_preferred_output"), "not preferred"),
        )
    if dataset_format is DatasetFormat.COMPLETION:
        return tuple(
            Turn(role, _shown(value[key]))
            for key, role in (("prompt", "user"), ("completion", "assistant"))
            if key in value
        )
    if dataset_format is DatasetFormat.TEXT:
        return (Turn("text", _shown(value["text"])),) if "text" in value else ()
    turns = (*_tools_turn(value), *_turns(value.get("messages")))
    return turns + _item_turn(value) if dataset_format is DatasetFormat.REINFORCEMENT else turns


def _item_turn(value: dict[str, Any]) -> tuple[Turn, ...]:
    own = [
        f"{safe_line(key)}: {safe_line(quoted(value[key], 501), 500)}"
        for key in value
        if key not in CHAT_KEYS
    ]
    return (Turn("item", "\n".join(own), note="for the grader"),) if own else ()


def _turns(messages: object, note: str = "") -> Iterator[Turn]:
    if not isinstance(messages, list):
        return
    for message in messages[:_SHOWN_MESSAGES]:
        if isinstance(message, dict):
            yield _turn(message, note)
        else:
            yield Turn("?", _shown(message), note=note)


def _turn(message: dict[str, Any], note: str) -> Turn:
    name, weight = message.get("name"), message.get("weight")
    text, images, thinking = _content(message)
    return Turn(
        role=safe_line(quoted(message.get("role", "?")), 40),
        text=text,
        weight=weight if isinstance(weight, int) else None,
        tool_calls=tuple(_calls(message)),
        images=images,
        thinking=thinking,
        name=safe_line(quoted(name), 80) if name is not None else None,
        note=note,
    )


def _content(message: dict[str, Any]) -> tuple[str, tuple[str, ...], str]:
    """Return text, images and thinking of a message."""
    thoughts = [_shown(message[key]) for key in THINKING_KEYS if message.get(key)]
    content = message.get("content")
    if not isinstance(content, list):
        return _shown(message.get("refusal") if content is None else content), (), "\n".join(thoughts)
    texts, images = [], []
    for part in content:
        if isinstance(part, dict) and "image_url" in part:
            images.append(_image(part["image_url"]))
        elif isinstance(part, dict) and part.get("type") in THINKING_PARTS:
            thoughts.append(_shown(part.get("thinking") or part.get("text") or part))
        else:
            texts.append(_shown(part.get("text", part) if isinstance(part, dict) else part))
    return "\n".join(texts), tuple(images), "\n".join(thoughts)


def _image(image: object) -> str:
    """Return what can be said of an image without fetching it."""
    source = image if isinstance(image, dict) else {"url": image}
    url, detail = source.get("url"), source.get("detail")
    text = url if isinstance(url, str) else quoted(url)
    if text.startswith("data:"):
        kind, _, data = text[5:].partition(",")
        name = kind.partition(";")[0].removeprefix("image/").upper() or "image"
        text = f"{name}, {max(1, len(data) * 3 // 4 // 1000):,} KB in the row"
    return safe_line(f"{text}, detail {quoted(detail, 20)}" if detail is not None else text, 200)


def _tools_turn(source: dict[str, Any]) -> tuple[Turn, ...]:
    """Return the tools that a row defines as a turn of their own, which the model reads first."""
    defined = [
        tool for key in ("tools", "functions") if isinstance(source.get(key), list) for tool in source[key]
    ]
    if not defined:
        return ()
    note = f"{len(defined)} defined"
    return (Turn("tools", "\n".join(_tool(tool) for tool in defined[:_SHOWN_TOOLS]), note=note),)


def _tool(tool: object) -> str:
    function = tool.get("function", tool) if isinstance(tool, dict) else tool
    if not isinstance(function, dict):
        return safe_line(quoted(tool, 201), 200)
    parameters = function.get("parameters")
    properties = parameters.get("properties") if isinstance(parameters, dict) else None
    names = ", ".join(properties) if isinstance(properties, dict) else ""
    text = f"{quoted(function.get('name', '?'))}({names})"
    if description := function.get("description"):
        text += f": {quoted(description, 301)}"
    return safe_line(text, 300)


def _calls(message: dict[str, Any]) -> Iterator[str]:
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else []:
        yield _call(call.get("function") if isinstance(call, dict) else call)
    if message.get("function_call") is not None:
        yield _call(message["function_call"])


def _call(function: object) -> str:
    if not isinstance(function, dict):
        return safe_line(quoted(function, 501), 500)
    name, arguments = quoted(function.get("name", "?")), quoted(function.get("arguments", ""), 4_001)
    return safe_line(f"{name}({arguments})", 4_000)


def _shown(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json_text(value)
    if len(text) > _SHOWN_CHARACTERS:
        text = f"{text[:_SHOWN_CHARACTERS]}\u2026 ({len(text):,} characters in all)"
    return safe_text(text)


def preview(row: Row, dataset_format: DatasetFormat, width: int) -> str:
    """Return one safe line of at most `width` characters: the question, then the answer."""
    if row.error is not None:
        return safe_line(f"! {row.error}", width)
    turns = conversation(row, dataset_format)
    spoken = [turn for turn in turns if turn.role not in ("system", "developer", "item", "tools")]
    parts = [turn.text[:width].strip() or "".join(turn.tool_calls)[:width] for turn in (spoken or turns)[:4]]
    text = " \u2192 ".join(part for part in parts if part) or row.raw[:width]
    return safe_line(" ".join(text.split()), width)
