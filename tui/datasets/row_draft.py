"""A row while it is edited: its messages one by one, each step undone and redone, all else as it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tui.datasets.fixes.json_text import JsonText
from tui.datasets.formats import DatasetFormat, row_format
from tui.datasets.locate import JsonPath
from tui.datasets.parsing import parse_line
from tui.datasets.quoting import quoted
from tui.datasets.row_layout import edited_line, text_to_edit
from tui.errors import ExitCode, TunedeckError
from tui.safe_text import safe_line, safe_text

MOST_BYTES = 1 << 20
"""Rows above it are left to an editor that is made for it."""
MOST_STEPS = 100
ROLES = ("system", "developer", "user", "assistant", "tool")
WEIGHTS = (None, 0, 1)
"""What the weight of a message can be; None is without one, which trains on it."""


@dataclass(frozen=True, slots=True)
class DraftMessage:
    """One message of the row, or one text of a row without messages."""

    path: JsonPath
    role: str
    """Safe to show; "?" when it is no text."""
    text: str | None
    """Its content as it is, not yet safe; None when it is no text: parts, calls of tools, nothing."""
    shown: str
    """The beginning of its content in a safe line."""
    weight: Any = None
    name: str | None = None
    """Safe to show."""
    group: str = ""
    """"preferred", "not preferred", or empty."""
    is_message: bool = True
    """False for prompt and completion, which have neither role nor place."""


class RowDraft:
    """A row and what was done to it since; a row that is no JSON object has no messages, only its text.

    Args:
        line: Without its line end.
        dataset_format: Of the file; UNKNOWN looks at the row.

    Raises:
        TunedeckError: The row is too large to be edited here.
    """

    def __init__(self, line: bytes, dataset_format: DatasetFormat = DatasetFormat.UNKNOWN) -> None:
        if len(line) > MOST_BYTES:
            raise TunedeckError(
                f"The row has {len(line):,} bytes: {MOST_BYTES:,} are the most that is edited here.",
                "Edit it with an editor of your own.",
            )
        self._format = dataset_format
        self._done: list[bytes] = [line]
        self._undone: list[bytes] = []
        self._messages: tuple[DraftMessage, ...] | None = None

    @property
    def line(self) -> bytes:
        """The row as it is now."""
        return self._done[-1]

    @property
    def is_changed(self) -> bool:
        """True when it is not what it was."""
        return self._done[-1] != self._done[0]

    @property
    def can_undo(self) -> bool:
        """True when there is a step to take back."""
        return len(self._done) > 1

    @property
    def can_redo(self) -> bool:
        """True when there is a step to do again."""
        return bool(self._undone)

    def undo(self) -> None:
        """Take back the last step."""
        if self.can_undo:
            self._undone.append(self._done.pop())
            self._messages = None

    def redo(self) -> None:
        """Do the step again that was taken back last."""
        if self._undone:
            self._done.append(self._undone.pop())
            self._messages = None

    def _step(self, line: bytes) -> None:
        if line == self.line:
            return
        self._done.append(line)
        if len(self._done) > MOST_STEPS + 1:
            del self._done[1]  # the first one stays: it tells what was changed
        self._undone.clear()
        self._messages = None

    # The whole row

    @property
    def is_object(self) -> bool:
        """True when the row is a JSON object."""
        return isinstance(parse_line(self.line)[0], dict)

    def json(self) -> str:
        """Return the row laid out for editing; what a terminal acts on, or draws nothing for, is an escape.

        Raises:
            TunedeckError: It is no JSON and holds characters that can't be shown and kept.
        """
        text = text_to_edit(self.line)
        if parse_line(self.line)[1] is None:
            return escaped(text)
        if safe_text(text) != text:
            raise TunedeckError(
                "The row is no JSON and holds control or invisible characters.",
                "Edit it with an editor of your own.",
            )
        return text

    def set_json(self, text: str) -> None:
        """Take the whole row from what `json` gave, edited.

        Raises:
            TunedeckError: It is no JSON object; with the place.
        """
        if text != self.json():
            self._step(edited_line(text, self.line))

    # Its messages

    def messages(self) -> tuple[DraftMessage, ...]:
        """Return the messages in the order in which they are read."""
        if self._messages is None:
            value = parse_line(self.line)[0]
            self._messages = tuple(_messages(value, self._format)) if isinstance(value, dict) else ()
        return self._messages

    def set_text(self, index: int, text: str) -> None:
        """Write the content of a message."""
        message = self.messages()[index]
        if message.text == text:
            return
        if message.is_message:
            self._set_key(message.path, "content", text)
        else:
            self._change(lambda row: row.replace(message.path, text))

    def set_role(self, index: int, role: str) -> None:
        """Give a message a role."""
        self._set_key(self.messages()[index].path, "role", role)

    def set_weight(self, index: int, weight: int | None) -> None:
        """Give a message a weight, or take it away."""
        self._set_key(self.messages()[index].path, "weight", weight)

    def set_name(self, index: int, name: str) -> None:
        """Give a message a name, or take it away when it is empty."""
        self._set_key(self.messages()[index].path, "name", name or None)

    def _set_key(self, path: JsonPath, key: str, value: Any) -> None:
        """Write a key of a message; None takes it away."""
        message = self._value(path)

        def change(row: JsonText) -> None:
            if key in message and value is None:
                row.remove((*path, key))
            elif key in message:
                row.replace((*path, key), value)
            elif value is not None:
                row.add(path, key, value)

        self._change(change)

    def add(self, index: int) -> int:
        """Put an empty message below one, of the role that comes next, and return its index."""
        known = self.messages()
        role = "assistant" if known and known[index].role == "user" else "user"
        return self._rebuild(index, lambda items, at: items.insert(at + 1, _empty_message(role)), 1)

    def duplicate(self, index: int) -> int:
        """Put a copy of a message below it and return the copy's index."""
        return self._rebuild(index, lambda items, at: items.insert(at + 1, items[at]), 1)

    def delete(self, index: int) -> None:
        """Take a message out."""
        self._rebuild(index, lambda items, at: items.pop(at), 0)

    def move(self, index: int, direction: int) -> int:
        """Move a message up (-1) or down (1) within its list and return its new index."""
        path = self.messages()[index].path
        last = len(self._value(path[:-1])) - 1
        at = path[-1]
        if not isinstance(at, int) or not 0 <= at + direction <= last:
            return index
        return self._rebuild(index, lambda items, at: items.insert(at + direction, items.pop(at)), direction)

    def _rebuild(self, index: int, change: Callable[[list[str], int], object], shift: int) -> int:
        """Change the list that a message is in, each item spelt as it is."""
        messages = self.messages()
        path = messages[index].path if messages else ("messages", -1)
        if len(path) < 2:
            raise TunedeckError("A row of prompt and completion has no messages.", "Edit its JSON.")
        holder, at = path[:-1], path[-1]
        assert isinstance(at, int)

        def rebuild(row: JsonText) -> None:
            items = [row.part((*holder, item)) for item in range(len(self._value(holder)))]
            change(items, at)
            row.replace_text(holder, f"[{row.comma.join(items)}]")

        self._change(rebuild)
        return index + shift

    def _value(self, path: JsonPath) -> Any:
        value = parse_line(self.line)[0]
        for step in path:
            value = value[step]
        return value

    def _change(self, change: Callable[[JsonText], None]) -> None:
        row = JsonText(self.line.decode("utf-8"))
        try:
            change(row)
            line = row.text().encode("utf-8")
        except (KeyError, IndexError, StopIteration, TypeError) as error:
            raise TunedeckError("This row has no such place any more.", "Edit its JSON.") from error
        except UnicodeEncodeError as error:
            raise TunedeckError(
                "The text holds half a character.", "Take it out.", exit_code=ExitCode.WRONG_USE
            ) from error
        self._step(line)


def escaped(text: str) -> str:
    """Return JSON in which every character that a terminal acts on, or draws nothing for, is an escape."""
    if safe_text(text) == text:
        return text
    return "".join(
        char if char == "\n" or safe_text(char) == char else json.dumps(char)[1:-1] for char in text
    )


def _empty_message(role: str) -> str:
    return json.dumps({"role": role, "content": ""})


def _messages(row: dict[str, Any], dataset_format: DatasetFormat) -> Sequence[DraftMessage]:
    known = row_format(row) if dataset_format is DatasetFormat.UNKNOWN else dataset_format
    if known in (DatasetFormat.COMPLETION, DatasetFormat.TEXT):
        return [
            DraftMessage((key,), key, row[key], safe_line(row[key], 400), is_message=False)
            for key in (("prompt", "completion") if known is DatasetFormat.COMPLETION else ("text",))
            if isinstance(row.get(key), str)
        ]
    if known is not DatasetFormat.PREFERENCE:
        return _in_list(row.get("messages"), ("messages",), "")
    source = row.get("input")
    return [
        *_in_list(source.get("messages") if isinstance(source, dict) else None, ("input", "messages"), ""),
        *_in_list(row.get("preferred_output"), ("preferred_output",), "preferred"),
        *_in_list(row.get("non_preferred_output"), ("non_preferred_output",), "not preferred"),
    ]


def _in_list(messages: object, path: JsonPath, group: str) -> list[DraftMessage]:
    found = messages if isinstance(messages, list) else []
    return [
        _message(message, (*path, at), group) for at, message in enumerate(found) if isinstance(message, dict)
    ]


def _message(message: dict[str, Any], path: JsonPath, group: str) -> DraftMessage:
    role, content, name = message.get("role"), message.get("content"), message.get("name")
    text = "" if content is None and not message.keys() & {"tool_calls", "function_call"} else content
    shown = text if isinstance(text, str) else quoted(message.get("tool_calls") or content, 400)
    return DraftMessage(
        path,
        safe_line(role, 40) if isinstance(role, str) else "?",
        text if isinstance(text, str) else None,
        safe_line(shown[:400]),
        message.get("weight"),
        None if name is None else safe_line(quoted(name), 80),
        group,
    )
