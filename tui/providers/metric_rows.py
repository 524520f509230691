"""Rows of measurements as services of their own shape send them: names with slashes, the step among them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_OUR_NAMES = {"train_loss": "train_loss", "loss": "train_loss", "eval_loss": "valid_loss"}
"""Theirs, with _ for /, -> ours; any other keeps its name."""
_LARGEST_NUMBER, _LARGEST_VALUE = 2**53, 1e300
"""Of a step or time; of a measurement. No comparison with a NaN holds."""


def row_values(raw: Mapping[str, Any]) -> tuple[dict[str, float], int | None]:
    """Return a row's numbers by our names, and its step; None where it has none."""
    step, values = None, {}
    for key, value in raw.items():
        name = str(key).lower().replace("/", "_")
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LARGEST_VALUE:
            continue
        if name.endswith("step"):
            step = int(value) if abs(value) < _LARGEST_NUMBER else None
        elif not name.endswith(("timestamp", "_at")):
            values[_OUR_NAMES.get(name, name)] = float(value)
    return values, step


def unix_seconds(value: object) -> int | None:
    """Return the Unix second of an ISO 8601 time, or of a number that is one already."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
        except (ValueError, OverflowError):
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if abs(value) < _LARGEST_NUMBER else None


def digest(value: object) -> str:
    """Return what stands for a value in an id of ours."""
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()[:24]
