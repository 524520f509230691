"""Pydantic's complaints about a request body, told in OpenAI's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tui.engine.api_errors import ApiError

Body = TypeVar("Body", bound=BaseModel)

_EXPECTED = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a decimal",
    "bool_type": "a boolean",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "list_type": "an array",
}
_GOT = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    list: "an array",
    dict: "an object",
}
_RANGES = {
    "greater_than_equal": ("ge", "below minimum", ">=", "below_min_value"),
    "greater_than": ("gt", "below minimum", ">", "below_min_value"),
    "less_than_equal": ("le", "above maximum", "<=", "above_max_value"),
    "less_than": ("lt", "above maximum", "<", "above_max_value"),
}


def parse_body(kind: type[Body], body: Mapping[str, Any]) -> Body:
    """Return `body` as a checked model.

    Raises:
        ApiError: 400 naming the first field at fault, as the service words it.
    """
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise refusal_of(error.errors(include_url=False), body) from None


def refusal_of(errors: Sequence[Any], body: Mapping[str, Any]) -> ApiError:
    """Return the refusal for the most telling of pydantic's errors."""
    error = min(errors, key=lambda entry: _rank(entry, errors))
    path = _field_path(error["loc"], body)
    return _translate(error, ".".join(str(step) for step in path), path)


def _rank(error: Mapping[str, Any], errors: Sequence[Any]) -> tuple[int, int]:
    """Order: unknown fields first, as the service does; a union's literal branch says the least."""
    kind = error["type"]
    order = (
        0 if kind == "extra_forbidden" else 1 if kind == "missing" else 4 if kind == "literal_error" else 2
    )
    return order, errors.index(error)


def _field_path(location: Sequence[str | int], body: Any) -> list[str | int]:
    """Drop pydantic's union tags, which name no field of the body."""
    path: list[str | int] = []
    value = body
    for step in location:
        if isinstance(value, dict):
            path.append(step)
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            path.append(step)
            value = value[step]
        else:
            break
    return path


def _translate(error: Mapping[str, Any], param: str, path: Sequence[str | int]) -> ApiError:
    kind, context, value = error["type"], error.get("ctx", {}), error.get("input")
    if kind == "extra_forbidden":
        if len(path) == 1:
            return ApiError(400, f"Unrecognized request argument supplied: {param[:80]}")
        return _bad(f"Unknown parameter: '{param[:200]}'.", param[:200], "unknown_parameter")
    if kind == "missing":
        return _bad(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")
    if kind == "literal_error":
        return _bad(
            f"Invalid value: {str(value)[:80]!r}. Supported values are: {context.get('expected')}.",
            param,
            "invalid_value",
        )
    if kind in _RANGES:
        return _out_of_range(kind, context, value, param)
    if kind in ("string_too_long", "string_too_short"):
        return _wrong_length(kind, context, value, param)
    if kind == "too_long" and isinstance(value, dict):
        most = context["max_length"]
        return _bad(
            f"Invalid '{param}': too many properties. Expected an object with at most {most} properties, "
            f"but got an object with {len(value)} properties instead.",
            param,
            "object_above_max_properties",
        )
    expected = _EXPECTED.get(kind)
    if expected is not None:
        return _bad(
            f"Invalid type for '{param}': expected {_or_auto(expected, param)}, "
            f"but got {_GOT.get(type(value), 'null')} instead.",
            param,
            "invalid_type",
        )
    return _bad(f"Invalid '{param}': {error['msg']}.", param, "invalid_value")


def _or_auto(expected: str, param: str) -> str:
    return f"'auto' or {expected}" if "hyperparameters." in param else expected


def _out_of_range(kind: str, context: Mapping[str, Any], value: Any, param: str) -> ApiError:
    bound_name, words, sign, code = _RANGES[kind]
    number = "integer" if isinstance(context[bound_name], int) else "decimal"
    message = (
        f"Invalid '{param}': {number} {words} value. "
        f"Expected a value {sign} {context[bound_name]}, but got {value} instead."
    )
    return _bad(message, param, f"{number}_{code}")


def _wrong_length(kind: str, context: Mapping[str, Any], value: Any, param: str) -> ApiError:
    most = kind == "string_too_long"
    bound = context["max_length"] if most else context["min_length"]
    words, name = ("too long", "maximum") if most else ("too short", "minimum")
    message = (
        f"Invalid '{param}': string {words}. Expected a string with {name} length {bound}, "
        f"but got a string with length {len(value)} instead."
    )
    return _bad(message, param, "string_above_max_length" if most else "string_below_min_length")


def _bad(message: str, param: str, code: str) -> ApiError:
    return ApiError(400, message, param=param, code=code)
