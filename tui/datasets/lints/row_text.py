"""Who says what in a row, whatever its format, as the lints see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from tui.datasets.formats import DatasetFormat
from tui.datasets.locate import JsonPath


class Said(NamedTuple):
    """One text of a row."""

    role: str
    """"user", "assistant" and so on; "preferred" and "rejected" for the answers of a preference row."""
    text: str
    path: JsonPath


@dataclass(frozen=True, slots=True)
class RowText:
    """The texts of a row in order; what is malformed is left out, the rules report it."""

    said: tuple[Said, ...]
    answer: Said | None
    """The text that a model is to learn: the last message, when it is the assistant's."""
    has_calls: bool
    """An assistant message calls a tool."""

    @classmethod
    def of(cls, value: dict[str, Any], dataset_format: DatasetFormat) -> RowText:
        """Return the texts of a row; never raises."""
        if dataset_format is DatasetFormat.PREFERENCE:
            return cls._of_preference(value)
        if dataset_format is DatasetFormat.COMPLETION:
            return cls._of_completion(value)
        messages = value.get("messages")
        if not isinstance(messages, list) or not messages:
            return cls((), None, has_calls=False)
        said = tuple(_walk(messages, ("messages",)))
        last = messages[-1]
        answers = isinstance(last, dict) and last.get("role") == "assistant"
        # A last message of parts has several texts; the first stands for it.
        end = len(messages) - 1
        answer = next((one for one in said if one.path[1] == end), None) if answers else None
        return cls(said, answer, has_calls=_calls(messages))

    @classmethod
    def _of_preference(cls, value: dict[str, Any]) -> RowText:
        source = value.get("input")
        messages = source.get("messages") if isinstance(source, dict) else None
        said = list(_walk(messages, ("input", "messages")))
        answer = None
        for key, role in (("preferred_output", "preferred"), ("non_preferred_output", "rejected")):
            for one in _walk(value.get(key), (key,)):
                said.append(one._replace(role=role))
                if role == "preferred" and answer is None:
                    answer = said[-1]
        return cls(tuple(said), answer, has_calls=_calls(messages))

    @classmethod
    def _of_completion(cls, value: dict[str, Any]) -> RowText:
        said = tuple(
            Said(role, text, (key,))
            for key, role in (("prompt", "user"), ("completion", "assistant"))
            if isinstance(text := value.get(key), str)
        )
        return cls(said, said[-1] if said and said[-1].role == "assistant" else None, has_calls=False)

    def prompt(self) -> Iterator[Said]:
        """Yield what stands before the answer; a rejected answer is none of it."""
        for one in self.said:
            if one is self.answer:
                return
            yield one


def _walk(messages: object, path: JsonPath) -> Iterator[Said]:
    if not isinstance(messages, list):
        return
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            continue
        content, role = message.get("content"), message.get("role")
        role = role if isinstance(role, str) else "?"
        if isinstance(content, str):
            yield Said(role, content, (*path, index, "content"))
        elif isinstance(content, list):
            for number, part in enumerate(content):
                text = part.get("text") if isinstance(part, dict) else None
                if isinstance(text, str):
                    yield Said(role, text, (*path, index, "content", number, "text"))


def _calls(messages: object) -> bool:
    return isinstance(messages, list) and any(
        isinstance(message, dict) and (message.get("tool_calls") or message.get("function_call"))
        for message in messages
    )
