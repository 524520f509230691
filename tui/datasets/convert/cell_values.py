"""Cells of typed tables as what JSON knows."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any


def plain_value(value: Any) -> Any:
    """Return a cell as JSON values; dates become ISO text, decimals their digits.

    Raises:
        ValueError: It is binary, or a number that JSON does not know.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if math.isnan(value):
            return None  # what tables write for a missing number
        if math.isinf(value):
            raise ValueError("a number is infinite, which JSON does not know")
        return value
    if isinstance(value, dict):
        return {str(key): plain_value(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(entry) for entry in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | timedelta):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return Binary(len(value))
    return str(value)


class Binary:
    """Binary content of a cell, which no row of text can hold; only its size is kept."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __bool__(self) -> bool:
        return self.size > 0

    def __repr__(self) -> str:
        return f"({self.size:,} bytes of binary content)"


def text_of(value: object) -> str:
    """Return a single value of a cell as the text a person sees in it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
