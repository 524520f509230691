"""What OpenAI publishes, as something that can be asked: the types of its own package as strict schemas.

The package's parameter types are turned into pydantic models that take no unknown key at a message, for the
service refuses those, and real lists where the types say Iterable.
"""

from __future__ import annotations

import functools
import json
import operator
import types
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Literal, Required, Union, get_args, get_origin

from openai.types.chat import (
    ChatCompletionAssistantMessageParam,
    ChatCompletionDeveloperMessageParam,
    ChatCompletionFunctionMessageParam,
    ChatCompletionSystemMessageParam,
    ChatCompletionToolMessageParam,
    ChatCompletionToolUnionParam,
    ChatCompletionUserMessageParam,
)
from openai.types.chat.completion_create_params import Function
from pydantic import ConfigDict, TypeAdapter, ValidationError, create_model
from typing_extensions import get_type_hints, is_typeddict

_MESSAGES: Mapping[str, Any] = {
    "system": ChatCompletionSystemMessageParam,
    "developer": ChatCompletionDeveloperMessageParam,
    "user": ChatCompletionUserMessageParam,
    "assistant": ChatCompletionAssistantMessageParam,
    "tool": ChatCompletionToolMessageParam,
    "function": ChatCompletionFunctionMessageParam,
}
_NEWER = frozenset({"prompt_cache_breakpoint"})
"""Of the chat API of 2026, not of the training schema of 2025-05-20."""


def takes_message(message: object) -> bool:
    """Return whether the package's type of this role takes a message without its weight."""
    role = message.get("role") if isinstance(message, dict) else None
    return isinstance(role, str) and role in _MESSAGES and _takes(("message", role), message)


def takes_tools(tools: object) -> bool:
    """Return whether the package's types take the value of `tools`."""
    return _takes(("tools", ""), tools)


def takes_functions(functions: object) -> bool:
    """Return whether the package's types take the value of `functions`; the schema wants 1 to 128 of them."""
    return _takes(("functions", ""), functions) and isinstance(functions, list) and 1 <= len(functions) <= 128


def _takes(wanted: tuple[str, str], value: object) -> bool:
    try:
        _adapter(*wanted).validate_json(json.dumps(value), strict=True)
    except ValidationError:
        return False
    return True


@cache
def _adapter(kind: str, role: str) -> TypeAdapter[Any]:
    if kind == "message":
        return TypeAdapter(_model(_MESSAGES[role], extra="forbid"))
    entry: Any = _concrete(ChatCompletionToolUnionParam if kind == "tools" else Function)
    return TypeAdapter(list[entry])


def _concrete(annotation: Any) -> Any:
    """Return an annotation with models for its typed dictionaries and lists for its iterables."""
    if is_typeddict(annotation):
        return _model(annotation, extra="ignore")
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return functools.reduce(operator.or_, map(_concrete, inner))
    if origin in (Iterable, list):
        entry: Any = _concrete(inner[0])
        return list[entry]
    return annotation


@cache
def _model(typed_dict: Any, *, extra: Literal["forbid", "ignore"]) -> Any:
    # `__required_keys__` knows nothing of Required in annotations that are still text.
    marked: Mapping[str, Any] = get_type_hints(typed_dict, include_extras=True)
    fields: dict[str, Any] = {
        name: (_concrete(hint), ... if _is_required(marked[name]) else None)
        for name, hint in get_type_hints(typed_dict).items()
        if name not in _NEWER
    }
    return create_model(typed_dict.__name__, __config__=ConfigDict(extra=extra, strict=True), **fields)


def _is_required(annotation: Any) -> bool:
    origin: Any = get_origin(annotation)
    return origin is Required
