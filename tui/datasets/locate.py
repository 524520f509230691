"""Where in a line of JSON a path leads, so that a finding can name a column."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TypeAlias

JsonPath: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the top of the row; () is the row itself."""

_DECODER = json.JSONDecoder(strict=False)
_SPACE = re.compile(r"[ \t\n\r]*")
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
"""A text, a sign of JSON's grammar, or a number or word."""
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def path_text(path: JsonPath) -> str:
    """Return a path in JSONPath notation, such as $.messages[2].content."""
    steps = []
    for step in path:
        if isinstance(step, int):
            steps.append(f"[{step}]")
        elif _PLAIN_KEY.fullmatch(step):
            steps.append(f".{step}")
        else:
            steps.append(f"[{json.dumps(step, ensure_ascii=False)}]")
    return "$" + "".join(steps)


_STEP = re.compile(
    r'\.(?P<name>[A-Za-z_][A-Za-z0-9_]*)|\[(?P<index>\d{1,9})\]|\[(?P<key>"(?:[^"\\]|\\.)*")\]'
)


def parse_path(text: str) -> JsonPath | None:
    """Return the path that `path_text` wrote, or None when it is none, such as one that was cut."""
    if not text.startswith("$"):
        return None
    steps: list[str | int] = []
    position = 1
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            return None
        name, index, key = match.group("name", "index", "key")
        try:
            steps.append(name if name is not None else int(index) if index is not None else json.loads(key))
        except ValueError:
            return None
        position = match.end()
    return tuple(steps)


def locate(text: str, path: JsonPath, *, at_key: bool = False) -> int | None:
    """Return the column (character, from 1) where the value of a path starts, or None.

    Args:
        text: One line of valid JSON.
        path: Where to go; a step that does not exist ends the way at its container.
        at_key: Point at the last step's key instead of its value.
    """
    try:
        position = _skip_space(text, 0)
        for depth, step in enumerate(path, 1):
            found = _child(text, position, step)
            if found is None:
                break
            key_position, position = found
            if at_key and depth == len(path):
                position = key_position
    except (ValueError, IndexError, RecursionError):
        return None
    return position + 1


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _child(text: str, position: int, step: str | int) -> tuple[int, int] | None:
    """Return (start of the key, start of the value) of one step; the last of equal keys, as readers do."""
    found = None
    if isinstance(step, int) and text[position] == "[":
        for index, start in enumerate(_items(text, position)):
            if index == step:
                return start, start
    elif isinstance(step, str) and text[position] == "{":
        for key, key_start, start in _members(text, position):
            if key == step:
                found = key_start, start
    return found


def _items(text: str, position: int) -> Iterator[int]:
    position = _skip_space(text, position + 1)
    while text[position] != "]":
        yield position
        position = _after_value(text, position)


def _members(text: str, position: int) -> Iterator[tuple[str, int, int]]:
    position = _skip_space(text, position + 1)
    while text[position] != "}":
        key, end = _DECODER.raw_decode(text, position)
        start = _skip_space(text, _skip_space(text, end) + 1)
        yield key, position, start
        position = _after_value(text, start)


def _after_value(text: str, position: int) -> int:
    """Return where the next item starts, or the closing bracket stands."""
    _, end = _DECODER.raw_decode(text, position)
    end = _skip_space(text, end)
    return _skip_space(text, end + 1) if text[end] == "," else end


def locate_repeat(text: str, key: str) -> tuple[JsonPath, int] | None:
    """Return the path and the column (character, from 1) of the second of equal keys in one object, or None.

    The column is that of the second key. Only this walk gets there: a path leads to the last of equal keys,
    and the second may stand within the value of a first one, which readers drop.

    Args:
        text: One line of valid JSON; read once from its beginning, whatever its nesting.
        key: What is repeated.
    """
    path: list[str | int] = []
    seen: list[set[str] | None] = []  # of each open bracket: the keys so far, or None for a list
    at_key = False
    for token in _TOKEN.finditer(text):
        sign = token.group()
        if sign in "{[":
            seen.append(set() if sign == "{" else None)
            path.append("" if sign == "{" else 0)
            at_key = sign == "{"
        elif sign in "}]":
            seen.pop()
            path.pop()
            at_key = False
        elif sign == "," and path:
            last = path[-1]
            if isinstance(last, int):
                path[-1] = last + 1
            else:
                at_key = True
        elif at_key:
            at_key = False
            path[-1] = name = json.loads(sign, strict=False) if "\\" in sign else sign[1:-1]
            known = seen[-1]
            if known is not None and name == key and name in known:
                return tuple(path), token.start() + 1
            if known is not None:
                known.add(name)
    return None
