"""What a row of a training file holds for the model: its tools and its answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def tools_of(row: Mapping[str, Any]) -> list[Any] | None:
    """Return the tools of a row; the older `functions` are wrapped as such."""
    if row.get("tools"):
        return list(row["tools"])
    functions = row.get("functions")
    return [{"type": "function", "function": one} for one in functions] if functions else None


def answer_of(output: Any) -> list[Any]:
    """Return one answer of a preference row as messages."""
    return list(output) if isinstance(output, list) else [output]
