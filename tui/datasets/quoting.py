"""Values of a row as text again, whatever their shape."""

from __future__ import annotations

import json

import orjson

TOO_DEEP = "(nested too deep to show)"


def json_text(value: object) -> str:
    """Return a parsed value as compact JSON; one nested too deep is only named. Never raises."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        pass  # orjson reads 1,024 levels but writes 254
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (RecursionError, ValueError, TypeError):
        return TOO_DEEP


def json_bytes(value: object) -> bytes | None:
    """Return a parsed value as compact JSON, another for any other value; None if nested too deep."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return None


def quoted(value: object, limit: int = 81) -> str:
    """Return the beginning of a value as it stands in a file: text as it is, the rest as JSON."""
    return (value if isinstance(value, str) else json_text(value))[:limit]
