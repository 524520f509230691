"""Who says what in a row, whatever its format, as the lints see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tui.datasets.formats import DatasetFormat
from tui.datasets.locate import JsonPath


class Said(NamedTuple):
    """One text of a row; made for every message of a file, so it holds no more than it must."""

    role: str
    """"user", "assistant" and so on; "preferred" and "rejected" for the answers of a preference row."""
    text: str
    holder: JsonPath
    """Path of the list of messages, or of a text that stands in the row itself."""
    message: int | None
    """Which of the messages."""
    part: int | None
    """Which of its parts."""

    @property
    def path(self) -> JsonPath:
        """Where the text stands."""
        if self.message is None:
            return self.holder
        if self.part is None:
            return (*self.holder, self.message, "content")
        return (*self.holder, self.message, "content", self.part, "text")


@dataclass(slots=True)
class RowText:
    """The texts of a row in order; what is malformed is left out, the rules report it."""

    said: Sequence[Said]
    answer: Said | None = None
    """The text that a model is to learn: the last message, when it is the assistant's."""
    has_calls: bool = False
    """An assistant message calls a tool."""
    has_parts: bool = False
    """A message's content is a list, so there may be images."""

    @classmethod
    def of(cls, value: dict[str, Any], dataset_format: DatasetFormat) -> RowText:
        """Return the texts of a row; never raises."""
        if dataset_format is DatasetFormat.PREFERENCE:
            return _of_preference(value)
        if dataset_format is DatasetFormat.COMPLETION:
            return _of_completion(value)
        if dataset_format is DatasetFormat.TEXT:
            words = value.get("text")
            return cls([Said("assistant", words, ("text",), None, None)] if isinstance(words, str) else [])
        said: list[Said] = []
        text = cls(said)
        messages = value.get("messages")
        _walk(messages, ("messages",), said, text)
        if said and isinstance(messages, list):
            last = said[-1]
            # A last message of parts has several texts; the first stands for it.
            if last.role == "assistant" and last.message == len(messages) - 1:
                text.answer = (
                    last if last.part is None else next(one for one in said if one.message == last.message)
                )
        return text


def _of_preference(value: dict[str, Any]) -> RowText:
    said: list[Said] = []
    text = RowText(said)
    source = value.get("input")
    _walk(source.get("messages") if isinstance(source, dict) else None, ("input", "messages"), said, text)
    for key, role in (("preferred_output", "preferred"), ("non_preferred_output", "rejected")):
        before = len(said)
        _walk(value.get(key), (key,), said, text)
        said[before:] = [one._replace(role=role) for one in said[before:]]
        if role == "preferred" and len(said) > before:
            text.answer = said[before]
    return text


def _of_completion(value: dict[str, Any]) -> RowText:
    said = [
        Said(role, text, (key,), None, None)
        for key, role in (("prompt", "user"), ("completion", "assistant"))
        if isinstance(text := value.get(key), str)
    ]
    return RowText(said, said[-1] if said and said[-1].role == "assistant" else None)


def spoken(text: RowText) -> Iterator[Said]:
    """Yield what is said without the system's messages."""
    return (one for one in text.said if one.role != "system" and one.role != "developer")


def _walk(messages: object, path: JsonPath, said: list[Said], text: RowText) -> None:
    if not isinstance(messages, list):
        return
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            continue
        content, role = message.get("content"), message.get("role")
        if not isinstance(role, str):
            role = "?"
        if isinstance(content, str):
            said.append(Said(role, content, path, index, None))
        elif isinstance(content, list):
            text.has_parts = True
            for number, part in enumerate(content):
                words = part.get("text") if isinstance(part, dict) else None
                if isinstance(words, str):
                    said.append(Said(role, words, path, index, number))
        if role == "assistant" and ("tool_calls" in message or "function_call" in message):
            text.has_calls = True
