"""Short ways to make what the tests of evaluation need."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tui.evals.cases import Case, Given
from tui.evals.checks.protocol import Grade
from tui.evals.checks.registry import opened_checks
from tui.evals.checks.spec import parse_check
from tui.records.chats import ChatMessage, ToolCall


def a_case(expected: str | Sequence[str] = (), **fields: Any) -> Case:
    answers = (expected,) if isinstance(expected, str) else tuple(expected)
    values: dict[str, Any] = {"line": 1, "id": "1", "messages": (ChatMessage("user", "q"),), **fields}
    return Case(expected=answers, **values)


def said(text: str = "", *calls: tuple[str, str]) -> Given:
    return Given(text, tuple(ToolCall(*call) for call in calls))


def grade(check: str, given: str | Given, expected: str | Sequence[str] = (), **fields: Any) -> Grade:
    """Return what a check, written as in a flag, says of one answer."""
    case = a_case(expected, **fields)
    spec = parse_check(check)
    with opened_checks([spec], [case]) as checks:
        return checks[spec.key].grade(case, said(given) if isinstance(given, str) else given)


def write_rows(path: Path, *rows: Any) -> Path:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows), "utf-8")
    return path
