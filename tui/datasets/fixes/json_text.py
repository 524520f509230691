"""Changes single values in a line of JSON and leaves every other byte as it was."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from tui.datasets.locate import JsonPath

TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}:,]|[^\s\[\]{}:,"]++', re.DOTALL)
"""A string, a sign, or a number or word of valid JSON; what is between them is white space."""


@dataclass(slots=True)
class _Node:
    """A value and where it stands."""

    start: int
    end: int = 0
    members: list[tuple[str, int, _Node]] = field(default_factory=list)
    """(key, where the key starts, value) of an object."""
    items: list[_Node] = field(default_factory=list)


class JsonText:
    """One valid JSON value as text.

    All changes are given with paths of the text as it was; they must not lie within each other.

    Args:
        text: The value.

    Raises:
        ValueError: It is no valid JSON.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._root = _read(text)
        self._changes: list[tuple[int, int, str]] = []
        self._removed: dict[int, set[int]] = {}
        self._nodes: dict[int, _Node] = {}
        self.comma = ", " if re.search(r'[\]}"\w], ["{\[\d]', text) else ","
        self._colon = ": " if re.search(r'": ', text) else ":"
        self._ascii = text.isascii() and "\\u" in text

    def replace(self, path: JsonPath, value: Any) -> None:
        """Put another value in place of one."""
        node = self._node(path)
        self._changes.append((node.start, node.end, self.dump(value)))

    def replace_text(self, path: JsonPath, text: str) -> None:
        """Put JSON as it is written in place of a value."""
        node = self._node(path)
        self._changes.append((node.start, node.end, text))

    def rename(self, path: JsonPath, key: str) -> None:
        """Give the last key of a path another name."""
        holder = self._node(path[:-1])
        for name, start, _ in holder.members:
            if name == path[-1]:
                self._changes.append((start, start + len(_key_text(self._text, start)), self.dump(key)))

    def remove(self, path: JsonPath) -> None:
        """Take out a key with its value (all of that name), or an item of a list."""
        holder = self._node(path[:-1])
        if isinstance(path[-1], int):
            self._remove_child(holder, path[-1])
            return
        for index, (name, _, _) in enumerate(holder.members):
            if name == path[-1]:
                self._remove_child(holder, index)

    def remove_repeated(self) -> None:
        """Take out of each object the keys that stand again later, as readers do."""
        waiting = [self._root]
        while waiting:
            node = waiting.pop()
            last = {name: index for index, (name, _, _) in enumerate(node.members)}
            for index, (name, _, child) in enumerate(node.members):
                if last[name] == index:
                    waiting.append(child)
                else:
                    self._remove_child(node, index)
            waiting.extend(node.items)

    def add(self, path: JsonPath, key: str, value: Any) -> None:
        """Put a new key at the end of an object."""
        node = self._node(path)
        comma = self.comma if node.members else ""
        end = node.members[-1][2].end if node.members else node.start + 1
        self._changes.append((end, end, f"{comma}{self.dump(key)}{self._colon}{self.dump(value)}"))

    def part(self, path: JsonPath) -> str:
        """Return a value as it is written."""
        node = self._node(path)
        return self._text[node.start : node.end]

    def dump(self, value: Any) -> str:
        """Write a value the way this text is written."""
        return json.dumps(value, ensure_ascii=self._ascii, separators=(self.comma, self._colon))

    def text(self) -> str:
        """Return the text with all changes."""
        for holder, indexes in self._removed.items():
            self._cut_children(self._nodes[holder], indexes)
        parts, position = [], 0
        for start, end, new in sorted(self._changes, key=lambda change: change[:2]):
            if start < position:
                raise ValueError("two changes touch each other")
            parts += [self._text[position:start], new]
            position = end
        return "".join([*parts, self._text[position:]])

    def _remove_child(self, holder: _Node, index: int) -> None:
        self._nodes[holder.start] = holder
        self._removed.setdefault(holder.start, set()).add(index)

    def _cut_children(self, holder: _Node, indexes: set[int]) -> None:
        """Cut children with one comma each: the one before, or behind where all before are gone too."""
        starts = [start for _, start, _ in holder.members] or [item.start for item in holder.items]
        ends = [child.end for _, _, child in holder.members] or [item.end for item in holder.items]
        if len(indexes) == len(starts):
            self._changes.append((starts[0], ends[-1], ""))
            return
        first_kept = next(index for index in range(len(starts)) if index not in indexes)
        if first_kept:
            self._changes.append((starts[0], starts[first_kept], ""))
        for index in sorted(indexes):
            if index > first_kept:
                self._changes.append((ends[index - 1], ends[index], ""))

    def _node(self, path: JsonPath) -> _Node:
        node = self._root
        for step in path:
            if isinstance(step, int):
                node = node.items[step]
            else:
                node = next(child for name, _, child in reversed(node.members) if name == step)
        return node


def _key_text(text: str, start: int) -> str:
    match = TOKEN.match(text, start)
    assert match is not None
    return match[0]


def _read(text: str) -> _Node:
    """Find where each value stands, without recursion."""
    json.loads(text)
    root: _Node | None = None
    stack: list[_Node] = []
    key: tuple[str, int] | None = None
    previous = ""
    for match in TOKEN.finditer(text):
        token = match[0]
        if token in "]}":
            stack.pop().end = match.end()
        elif token not in ":,":
            is_key = token[0] == '"' and previous in ("{", ",") and text[stack[-1].start] == "{"
            if is_key:
                key = (json.loads(token, strict=False), match.start())
            else:
                node = _Node(match.start(), match.end())
                if not stack:
                    root = node
                elif key is not None:
                    stack[-1].members.append((*key, node))
                else:
                    stack[-1].items.append(node)
                key = None
                if token in "[{":
                    stack.append(node)
        previous = token
    if root is None:
        raise ValueError("no value")
    return root
