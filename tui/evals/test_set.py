"""A JSONL file as a test set: rows of a dataset, a held-out split, OpenAI Evals lines, or golden answers.

What a row asks is its `messages`, `input`, `prompt` or `question`. What is right is its `expected`, `ideal`,
`answer`, `label` and so on; without one, the last answer of the assistant, which is then not sent. A row of
OpenAI's Evals service keeps both under `item`. What can't be made out is told by line, never guessed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from tui.datasets.files import unchanged_file
from tui.datasets.lines import LineReader
from tui.datasets.parsing import BYTE_ORDER_MARK, parse_line
from tui.errors import TunedeckError
from tui.evals.cases import Case
from tui.evals.checks.spec import checks_from
from tui.records.chats import ChatMessage, ToolCall
from tui.safe_text import safe_line

ASKED_KEYS = ("messages", "input", "prompt", "question")
EXPECTED_KEYS = (
    "expected", "ideal", "answer", "completion", "output", "reference", "reference_answer", "label",
    "correct_label", "target", "golden",
)  # fmt: skip
"""Where the right answer of a row may stand, first found first taken."""
MOST_CASES = 100_000
_SENT_KEYS = ("role", "content", "name", "tool_calls", "tool_call_id", "refusal", "function_call")
"""What a chat request takes of a training row's message; `weight` and others are refused."""


@dataclass(frozen=True, slots=True)
class TestSet:
    """The cases of a file."""

    __test__ = False  # pytest takes every class of this beginning for tests

    path: Path
    cases: tuple[Case, ...]
    skipped: tuple[tuple[int, str], ...] = ()
    """(line, why nothing can be asked of it)."""
    digest: str = ""
    """SHA-256 of the file, in hex."""
    expected_rows: int = field(default=0)
    """Cases that name a right answer."""


class _NoCase(Exception):
    """Why a row is no case."""


def read_test_set(path: Path, *, limit: int | None = None) -> TestSet:
    """Read a file as a test set.

    Args:
        path: JSONL.
        limit: Only so many cases, from the beginning.

    Raises:
        TunedeckError: It can't be read, no row of it can be asked, or it has more than `MOST_CASES` rows.
    """
    cases: list[Case] = []
    skipped: list[tuple[int, str]] = []
    beyond = 0
    digest = sha256()
    most = MOST_CASES if limit is None else limit
    with unchanged_file(path) as (stream, _):
        for first, lines in LineReader(stream, digest.update).batches():
            for number, line in enumerate(lines, first):
                raw = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
                if not raw.strip() or len(cases) >= most:
                    beyond += bool(raw.strip())
                    continue
                try:
                    cases.append(_case(number, raw, path))
                except _NoCase as reason:
                    skipped.append((number, str(reason)))
    if not cases:
        why = f" Line {skipped[0][0]}: {skipped[0][1]}" if skipped else ""
        raise TunedeckError(
            f"{path} holds no row that can be asked.{why}",
            "A row needs messages, input, prompt or question; see docs/evaluation.md.",
        )
    if limit is None and beyond:
        raise TunedeckError(
            f"{path} has {beyond:,} rows more than the {MOST_CASES:,} of a test set.",
            "`tunedeck sample` draws some of them; --limit takes the first.",
        )
    return TestSet(
        path, _with_unique_ids(cases), tuple(skipped), digest.hexdigest(),
        sum(bool(case.expected) or case.expected_calls is not None for case in cases),
    )  # fmt: skip


def _with_unique_ids(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Refuse two rows of one id: answers and ratings are found again by it.

    Raises:
        TunedeckError: There are two.
    """
    seen: dict[str, int] = {}
    for case in cases:
        if case.id in seen:
            raise TunedeckError(
                f"Lines {seen[case.id]} and {case.line} have the same id {safe_line(case.id, 60)!r}.",
                "Give each row an id of its own, or none.",
            )
        seen[case.id] = case.line
    return tuple(cases)


def _case(number: int, raw: bytes, path: Path) -> Case:
    value, problem = parse_line(raw)
    if problem is not None:
        raise _NoCase(problem.message)
    if not isinstance(value, dict):
        raise _NoCase("It is no JSON object.")
    item = value.get("item")
    row = {**value, **item} if isinstance(item, dict) else value
    if "instruction" in row and not any(key in row for key in ("messages", "prompt", "question")):
        raise _NoCase("A row of Alpaca's shape; `tunedeck convert` turns the file into messages.")
    source = row.get("input")
    if "preferred_output" in row and isinstance(source, dict):
        row = {**row, **source, "expected_message": row["preferred_output"]}
        del row["input"]
    messages = _messages(row)
    expected, calls = _expected(row, messages)
    checks = row.get("checks", [])
    try:
        own = checks_from(checks if isinstance(checks, list) else [checks], path.parent, f"line {number}")
    except TunedeckError as error:
        raise _NoCase(error.message) from None
    return Case(
        line=number,
        id=str(row["id"]) if isinstance(row.get("id"), str | int) else f"line {number}",
        messages=tuple(message_of(one) for one in messages),
        expected=expected,
        expected_calls=calls,
        tools=tuple(tool for tool in _list(row.get("tools")) if isinstance(tool, dict)),
        tags=tuple(safe_line(str(tag), 60) for tag in _list(row.get("tags"))),
        checks=own,
        pair=str(row["pair"]) if isinstance(row.get("pair"), str | int) else None,
        item=row,
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _messages(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    key = next((key for key in ASKED_KEYS if key in row), None)
    if key is None:
        raise _NoCase(f"It has none of {', '.join(ASKED_KEYS)}.")
    asked = row[key]
    if isinstance(asked, dict) and "messages" in asked:
        asked = asked["messages"]
    if isinstance(asked, str):
        asked = [{"role": "user", "content": asked}]
    if not isinstance(asked, list) or not asked or not all(isinstance(one, dict) for one in asked):
        raise _NoCase(f"{key} is neither a text nor a list of messages.")
    if not all(isinstance(one.get("role"), str) for one in asked):
        raise _NoCase("A message has no role.")
    return [dict(one) for one in asked]


def _expected(
    row: Mapping[str, Any], messages: list[dict[str, Any]]
) -> tuple[tuple[str, ...], tuple[ToolCall, ...] | None]:
    """Return what is right, and take the answer off the messages where it stands at their end."""
    last = messages[-1] if messages[-1]["role"] == "assistant" else None
    if last is not None:
        messages.pop()
        if not messages:
            raise _NoCase("It holds an answer and no question.")
    told = row.get("expected_message")
    if isinstance(told, list) and told and isinstance(told[0], dict):
        last = told[0]
    key = next((key for key in EXPECTED_KEYS if key in row and row[key] is not None), None)
    named = row.get("expected_tool_calls")
    calls = _calls(named if named is not None else (last or {}).get("tool_calls"))
    if named is None and calls is None and last is not None and row.get("tools"):
        calls = ()  # tools were offered, and the right answer uses none
    if key is not None:
        return tuple(_text(one) for one in _list(row[key])), calls
    text = _content(last) if last is not None else ""
    return ((text,) if text else ()), calls


def _calls(value: Any) -> tuple[ToolCall, ...] | None:
    if not isinstance(value, list):
        return None
    found = []
    for call in value:
        function = call.get("function", call) if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise _NoCase("A tool call has no name.")
        found.append(ToolCall(function["name"], _text(function.get("arguments", {}))))
    return tuple(found)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    texts = [part.get("text") for part in _list(content) if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))


def message_of(message: Mapping[str, Any]) -> ChatMessage:
    """Return a message of a row as it is sent: `weight` and whatever else a request refuses is left out."""
    sent = {key: message[key] for key in _SENT_KEYS if key in message}
    plain = set(sent) == {"role", "content"} and isinstance(sent["content"], str)
    return ChatMessage(message["role"], _content(message), None if plain else sent)
