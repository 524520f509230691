"""Rows and files that the tests of datasets share."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tui.datasets.check import CheckOptions, check_file
from tui.datasets.formats import DatasetFormat
from tui.datasets.report import Finding, Report

Row = dict[str, Any]


def user(text: object = "What is it?", **more: object) -> Row:
    return {"role": "user", "content": text, **more}


def assistant(text: object = "It is this.", **more: object) -> Row:
    return {"role": "assistant", "content": text, **more}


def chat(*messages: object, **more: object) -> Row:
    return {"messages": list(messages) or [user(), assistant()], **more}


def preference(
    *messages: object, good: object = None, bad: object = None, more_input: Row | None = None, **more: object
) -> Row:
    return {
        "input": {"messages": list(messages) or [user()], **(more_input or {})},
        "preferred_output": [assistant("Good.")] if good is None else good,
        "non_preferred_output": [assistant("Bad.")] if bad is None else bad,
        **more,
    }


def call(call_id: object = "call_1", name: object = "weather", arguments: object = "{}") -> Row:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def tool_chat(*calls: object, answer_id: object = "call_1", **more: object) -> Row:
    return chat(
        user(),
        {"role": "assistant", "tool_calls": list(calls) or [call()]},
        {"role": "tool", "tool_call_id": answer_id, "content": "sunny"},
        assistant(),
        **{"tools": [WEATHER], **more},
    )


def clean_chats(count: int = 50) -> list[Row]:
    return [chat(user(f"Question {number}"), assistant(f"Answer {number}")) for number in range(count)]


def clean_preferences(count: int = 50) -> list[Row]:
    return [preference(user(f"Question {number}")) for number in range(count)]


def write(path: Path, rows: Iterable[object]) -> Path:
    """Write rows as JSONL; bytes and text are written as the line they are."""
    with path.open("wb") as file:
        for row in rows:
            if isinstance(row, bytes):
                line = row
            else:
                line = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)).encode()
            file.write(line + b"\n")
    return path


def check_rows(
    folder: Path, rows: Iterable[object], dataset_format: DatasetFormat | None = None, **options: Any
) -> Report:
    """Check rows without counting tokens, unless the options say otherwise."""
    path = write(folder / "rows.jsonl", rows)
    return check_file(path, CheckOptions(**{"format": dataset_format, "count_tokens": False, **options}))


def found(report: Report, rule: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.rule == rule]
