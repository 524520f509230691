"""The five shapes of a training row, and how to tell them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Any


class DatasetFormat(StrEnum):
    """What one line of a dataset holds."""

    CHAT = "chat"
    """{messages, tools?, parallel_tool_calls?}: supervised fine-tuning."""
    PREFERENCE = "preference"
    """{input, preferred_output, non_preferred_output}: direct preference optimisation."""
    REINFORCEMENT = "reinforcement"
    """{messages without the answer, plus any own keys for the grader}: reinforcement fine-tuning."""
    COMPLETION = "completion"
    """{prompt, completion}: the old base models."""
    TEXT = "text"
    """{text}: text to go on with, without a question; one service takes it."""
    UNKNOWN = "unknown"


FORMATS = tuple(known.value for known in DatasetFormat if known is not DatasetFormat.UNKNOWN)
"""What a person can choose."""
CHAT_KEYS = frozenset({"messages", "tools", "functions", "parallel_tool_calls"})
"""What the service allows at the top of a supervised row."""
PREFERENCE_KEYS = frozenset({"input", "preferred_output", "non_preferred_output"})
COMPLETION_KEYS = frozenset({"prompt", "completion"})
TEXT_KEYS = frozenset({"text"})


def row_format(row: object) -> DatasetFormat:
    """Return the format that one parsed row looks like."""
    if not isinstance(row, dict):
        return DatasetFormat.UNKNOWN
    if row.keys() & PREFERENCE_KEYS and "instruction" not in row:  # Alpaca's rows have an input as well
        return DatasetFormat.PREFERENCE
    if "messages" in row:
        return _with_messages(row)
    if row.keys() == TEXT_KEYS:  # with more keys it is a table's row, of which text is one column
        return DatasetFormat.TEXT
    return DatasetFormat.COMPLETION if row.keys() & COMPLETION_KEYS else DatasetFormat.UNKNOWN


def format_of_row(row: object, read_as: DatasetFormat | str | None) -> DatasetFormat:
    """Return what a row is read as: the format that was chosen for its file, else what it looks like."""
    return DatasetFormat(read_as) if read_as else row_format(row)


def _with_messages(row: dict[str, Any]) -> DatasetFormat:
    messages = row["messages"]
    last = messages[-1] if isinstance(messages, list) and messages else None
    ends_open = isinstance(last, dict) and last.get("role") in ("user", "developer", "tool")
    # Own keys alone may be a mistake in a chat row ("weight"); own keys and no answer are a grader's row.
    return DatasetFormat.REINFORCEMENT if ends_open and row.keys() - CHAT_KEYS else DatasetFormat.CHAT


def detect_format(rows: Iterable[object]) -> DatasetFormat:
    """Return the format of most of the parsed rows given, of which a few dozen are enough.

    Rows that look like nothing known have no vote; without any vote the answer is UNKNOWN.
    """
    votes = Counter(found for row in rows if (found := row_format(row)) is not DatasetFormat.UNKNOWN)
    return votes.most_common(1)[0][0] if votes else DatasetFormat.UNKNOWN
