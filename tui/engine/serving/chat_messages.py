"""Checks the parts of a chat request that are objects of their own: messages, tools, formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tui.engine.api_errors import ApiError
from tui.engine.serving.request_bodies import ChatBody, JsonSchema
from tui.engine.serving.schema_machine import ANY_OBJECT, Shape
from tui.engine.serving.schema_shapes import UnheldSchemaError, shape_of

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
MESSAGE_FIELDS = frozenset(
    (
        "role",
        "content",
        "name",
        "refusal",
        "audio",
        "annotations",
        "function_call",
        "tool_calls",
        "tool_call_id",
    )
)
TEXT_PARTS = {"text": "text", "refusal": "refusal"}
"""Kinds of content parts that can be read, and the field that holds their text."""

NO_VISION = "Invalid content type. This model has no vision: it reads text only, not '{kind}' parts."


def check_messages(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages with plain text contents.

    Raises:
        ApiError: 400 naming the first message at fault.
    """
    if not messages:
        raise ApiError(
            400,
            "Invalid 'messages': empty array. Expected an array with minimum length 1, "
            "but got an empty array instead.",
            param="messages",
            code="empty_array",
        )
    return [_check_message(message, f"messages[{number}]") for number, message in enumerate(messages)]


def _check_message(message: Mapping[str, Any], place: str) -> dict[str, Any]:
    unknown = next((key for key in message if key not in MESSAGE_FIELDS), None)
    if unknown is not None:
        raise _bad(
            f"Unknown parameter: '{place}.{unknown[:80]}'.", f"{place}.{unknown[:80]}", "unknown_parameter"
        )
    role = message.get("role")
    if role is None:
        raise _bad(
            f"Missing required parameter: '{place}.role'.", f"{place}.role", "missing_required_parameter"
        )
    if role not in ROLES:
        supported = ", ".join(f"'{name}'" for name in ROLES)
        raise _bad(
            f"Invalid value: '{str(role)[:40]}'. Supported values are: {supported}.",
            f"{place}.role",
            "invalid_value",
        )
    calls = message.get("tool_calls")
    if calls is not None and not (
        isinstance(calls, list) and all(isinstance(call, Mapping) for call in calls)
    ):
        raise _bad(
            f"Invalid type for '{place}.tool_calls': expected an array of objects.",
            f"{place}.tool_calls",
            "invalid_type",
        )
    text = _text_of(message.get("content"), f"{place}.content")
    if text is None and not (role == "assistant" and (calls or message.get("function_call"))):
        raise _bad(
            f"Invalid value for 'content': expected a string, got null at '{place}.content'.",
            f"{place}.content",
            "invalid_type",
        )
    return {**message, "content": text or ""}


def _text_of(content: object, place: str) -> str | None:
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise _bad(
            f"Invalid type for '{place}': expected one of a string or array of objects.",
            place,
            "invalid_type",
        )
    return "".join(_part_text(part, f"{place}[{number}]") for number, part in enumerate(content))


def _part_text(part: object, place: str) -> str:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if not isinstance(part, Mapping) or not isinstance(kind, str):
        raise _bad(
            f"Missing required parameter: '{place}.type'.", f"{place}.type", "missing_required_parameter"
        )
    if kind not in TEXT_PARTS:
        raise _bad(NO_VISION.format(kind=kind[:40]), f"{place}.type", "invalid_value")
    text = part.get(TEXT_PARTS[kind])
    if not isinstance(text, str):
        field = f"{place}.{TEXT_PARTS[kind]}"
        raise _bad(f"Invalid type for '{field}': expected a string.", field, "invalid_type")
    return text


def offered_tools(body: ChatBody) -> list[dict[str, Any]] | None:
    """Return the tools that the model is told of, None for none.

    Raises:
        ApiError: 400 for a tool that is no function, or a choice that would have to be forced.
    """
    for number, tool in enumerate(body.tools or ()):
        function = tool.get("function")
        if tool.get("type") != "function" or not isinstance(function, Mapping):
            raise _bad(
                "Only tools of type 'function' are supported.", f"tools[{number}].type", "invalid_value"
            )
        if not isinstance(function.get("name"), str):
            place = f"tools[{number}].function.name"
            raise _bad(f"Missing required parameter: '{place}'.", place, "missing_required_parameter")
    if body.tool_choice not in (None, "none", "auto"):
        raise _bad(
            "This engine can't force a tool call: 'tool_choice' may be 'auto' or 'none'.",
            "tool_choice",
            "unsupported_value",
        )
    if body.tool_choice is not None and not body.tools:
        raise _bad(
            "'tool_choice' is only allowed when 'tools' are specified.", "tool_choice", "invalid_value"
        )
    return None if body.tool_choice == "none" else body.tools or None


def wanted_shape(body: ChatBody, messages: Sequence[Mapping[str, Any]]) -> Shape | None:
    """Return what the answer is held to; None for an answer that is free.

    Raises:
        ApiError: 400 for a schema that can't be held, or when no message speaks of JSON: the service's rule.
    """
    if body.response_format is None or body.response_format.type == "text":
        return None
    if body.response_format.type == "json_schema":
        return _schema_shape(body.response_format.json_schema)
    if not any("json" in str(message["content"]).lower() for message in messages):
        raise ApiError(
            400,
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type "
            "'json_object'.",
            param="messages",
        )
    return ANY_OBJECT


def _schema_shape(given: JsonSchema | None) -> Shape:
    place = "response_format.json_schema"
    if given is None:
        raise _bad(f"Missing required parameter: '{place}'.", place, "missing_required_parameter")
    if given.schema_ is None:
        return ANY_OBJECT
    try:
        return shape_of(given.schema_)
    except UnheldSchemaError as error:
        raise _bad(
            f"Invalid schema for response_format '{given.name}': {error}.",
            "response_format",
            "invalid_json_schema",
        ) from error


def refuse_unsupported(body: ChatBody) -> None:
    """Refuse fields that would change the answer in a way this engine can't.

    Raises:
        ApiError: 400 naming the field and what to use instead.
    """
    if body.functions is not None or body.function_call is not None:
        name = "functions" if body.functions is not None else "function_call"
        raise _bad(
            f"'{name}' is not supported; use 'tools' and 'tool_choice'.", name, "unsupported_parameter"
        )
    if body.web_search_options is not None:
        raise _bad(
            "Web search is not supported with this model.", "web_search_options", "unsupported_parameter"
        )
    if body.audio is not None or "audio" in (body.modalities or ()):
        raise _bad(
            "This model writes text only.", "audio" if body.audio else "modalities", "unsupported_value"
        )
    if body.max_tokens is not None and body.max_completion_tokens is not None:
        raise _bad(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            "max_tokens",
            "invalid_parameter_combination",
        )
    if body.top_logprobs is not None and not body.logprobs:
        raise _bad("'top_logprobs' is only allowed when 'logprobs' is true.", "top_logprobs", "invalid_value")


def _bad(message: str, param: str, code: str) -> ApiError:
    return ApiError(400, message, param=param, code=code)
