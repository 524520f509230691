"""The result file of a job: a CSV of metrics by step, read by its header."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import math

_NEWER_NAMES = {
    "train_accuracy": "train_mean_token_accuracy",
    "valid_accuracy": "valid_mean_token_accuracy",
    "full_valid_accuracy": "full_valid_mean_token_accuracy",
}
"""Older result files' columns -> names in metrics events (openai.md section 5, 2026-11)."""


def read_result_file(content: bytes) -> dict[int, dict[str, float]]:
    """Return step -> name -> value; cells that are empty or not numbers are left out, as are broken rows.

    Some services send the CSV in base64; then it is decoded first. Anything else gives an empty result.
    """
    text = content.decode("utf-8-sig", "replace")
    if not _has_header(text):
        try:
            text = base64.b64decode(content, validate=False).decode("utf-8-sig", "replace")
        except (binascii.Error, ValueError):
            return {}
    return _read_table(text) if _has_header(text) else {}


def _has_header(text: str) -> bool:
    first_line = text.split("\n", 1)[0]
    return "step" in [cell.strip() for cell in first_line.split(",")]


def _read_table(text: str) -> dict[int, dict[str, float]]:
    steps: dict[int, dict[str, float]] = {}
    try:
        for row in csv.DictReader(io.StringIO(text), skipinitialspace=True):
            step = _number(row.get("step"))
            if step is None:
                continue
            values = {
                _NEWER_NAMES.get(name.strip(), name.strip()): number
                for name, cell in row.items()
                if isinstance(name, str) and name.strip() != "step" and (number := _number(cell)) is not None
            }
            steps.setdefault(int(step), {}).update(values)
    except csv.Error:
        return steps
    return steps


def _number(cell: object) -> float | None:
    try:
        value = float(str(cell))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
