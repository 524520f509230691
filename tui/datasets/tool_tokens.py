"""Tokens of tool definitions, by the constants of OpenAI's cookbook.

The service does not show how it writes `tools` into the prompt. Its cookbook
(How_to_count_tokens_with_tiktoken, read 2026-11-21) gives constants that reproduce what chat requests to
gpt-4o and gpt-4o-mini are billed: 7 for each function (10 with cl100k_base), 3 before its properties and 3
for each, 3 for each enum value less 3 for the list, 12 at the end, and the tokens of `name:description` and
`name:type:description`.

Stated error: exact for the flat functions the notebook tests; not published for gpt-4.1 nor for training.
What the notebook leaves out counts as compact JSON, and so does a definition of any other shape and every
definition for a local model, whose template writes JSON. Compact JSON of a flat function comes to 1.3 to
1.5 times the constants (measured, 1 to 10 properties); finished jobs tell how far the truth is from either
(`tui.money.calibration`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tui.datasets.quoting import json_text

_FUNCTION = {"o200k_base": 7, "cl100k_base": 10}
"""Vocabulary -> tokens around each function; others read JSON."""
_PROPERTIES = 3
_PROPERTY = 3
_ENUM = -3
_ENUM_VALUE = 3
_END = 12
_KNOWN_KEYS = frozenset({"type", "description", "enum"})

Count = Callable[[str], int]


def tool_tokens(definitions: object, count: Count, vocabulary: str) -> int:
    """Return the tokens of a row's `tools` or `functions`.

    Args:
        definitions: The value as it was parsed, of any shape.
        count: Tokens of a text.
        vocabulary: Its name, such as "o200k_base".
    """
    around = _FUNCTION.get(vocabulary)
    functions = _functions(definitions)
    if around is None or not functions:
        return count(json_text(definitions))
    return _END + sum(around + _function(function, count) for function in functions)


def _functions(definitions: object) -> list[dict[str, Any]] | None:
    """Return the functions of a list that holds nothing else, else None."""
    if not isinstance(definitions, list):
        return None
    found = [one.get("function", one) if isinstance(one, dict) else None for one in definitions]
    named = [one for one in found if isinstance(one, dict) and isinstance(one.get("name"), str)]
    return named if len(named) == len(found) else None


def _function(function: dict[str, Any], count: Count) -> int:
    tokens = count(f"{function['name']}:{_sentence(function.get('description'))}")
    parameters = function.get("parameters")
    properties = parameters.get("properties") if isinstance(parameters, dict) else None
    if not properties:
        return tokens
    if not isinstance(properties, dict):
        return tokens + count(json_text(properties))
    return tokens + _PROPERTIES + sum(_property(name, each, count) for name, each in properties.items())


def _property(name: str, value: object, count: Count) -> int:
    if not isinstance(value, dict):
        return _PROPERTY + count(f"{name}:{json_text(value)}")
    kind = value.get("type")
    shown = kind if isinstance(kind, str) else json_text(kind) if kind is not None else ""
    tokens = _PROPERTY + count(f"{name}:{shown}:{_sentence(value.get('description'))}")
    choices = value.get("enum")
    if isinstance(choices, list):
        texts = (choice if isinstance(choice, str) else json_text(choice) for choice in choices)
        tokens += _ENUM + sum(_ENUM_VALUE + count(text) for text in texts)
    rest = {key: each for key, each in value.items() if key not in _KNOWN_KEYS}
    return tokens + (count(json_text(rest)) if rest else 0)


def _sentence(description: object) -> str:
    return description.removesuffix(".") if isinstance(description, str) else ""
