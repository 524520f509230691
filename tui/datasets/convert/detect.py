"""Finds out what the columns of a file are, and says why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tui.datasets.convert.mapping import ColumnMapping, Role, SourceShape
from tui.datasets.formats import DatasetFormat, detect_format
from tui.errors import TunedeckError
from tui.safe_text import safe_line

_TURN_LISTS = ("conversations", "conversation", "messages", "turns", "dialogue", "dialog", "chat")
_TOOL_NAMES = {"tools": Role.TOOLS, "functions": Role.FUNCTIONS, "parallel_tool_calls": Role.PARALLEL}
_SYSTEM_NAMES = frozenset({"system", "systemprompt", "systemmessage", "systeminstruction", "persona"})
_USER_NAMES = (
    "user", "question", "prompt", "instruction", "query", "input", "human", "usermessage", "userprompt",
    "request", "message", "text", "utterance", "ask", "problem", "source",
)  # fmt: skip
_ANSWER_NAMES = (
    "assistant", "answer", "response", "output", "completion", "reply", "gpt", "bot", "model", "target",
    "assistantmessage", "expected", "solution", "label", "category", "intent", "summary",
)  # fmt: skip
_ALPACA_ANSWERS = ("output", "response", "answer", "completion")
_LABEL_NAMES = frozenset({"label", "kto_tag"})


def columns_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return every key of the rows, in the order in which they first appear."""
    return list(dict.fromkeys(key for row in rows for key in row))


def detect_mapping(rows: Sequence[Mapping[str, Any]], shape: SourceShape | None = None) -> ColumnMapping:
    """Return what the columns of the first rows most likely are.

    Args:
        rows: Some dozens of parsed rows, at least one.
        shape: What the person says it is; None finds out.

    Raises:
        TunedeckError: The rows have not what that shape needs.
    """
    columns = columns_of(rows)
    for known, find in _FINDERS:
        if shape in (None, known):
            found = find(columns, rows)
            if found is not None:
                return _complete(found, columns)
    if shape is not None and shape is not SourceShape.COLUMNS:
        raise TunedeckError(
            f"The rows do not look like {shape.value}: their columns are "
            + safe_line(", ".join(columns[:20]) or "none", 300)
            + ".",
            "Leave --from out, or name the columns with --map.",
        )
    return _complete(_plain_columns(columns, rows), columns)


def _complete(found: ColumnMapping, columns: Sequence[str]) -> ColumnMapping:
    """Put every column into the mapping, in the file's order."""
    roles = dict(found.roles)
    rest = Role.KEEP if found.keep_others else Role.DROP
    return ColumnMapping(
        found.shape,
        tuple((column, roles.get(column, rest)) for column in columns),
        safe_line(found.reason, 300),
        found.keep_others,
    )


def _mapping(
    shape: SourceShape, roles: Mapping[str, Role], reason: str, *, keep: bool = False
) -> ColumnMapping:
    return ColumnMapping(shape, tuple(roles.items()), reason, keep)


def _with_tools(roles: dict[str, Role], columns: Sequence[str]) -> dict[str, Role]:
    roles.update({name: role for name, role in _TOOL_NAMES.items() if name in columns})
    return roles


def _openai(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> ColumnMapping | None:
    if {"preferred_output", "non_preferred_output"} <= set(columns):
        roles = {
            "input": Role.PROMPT,
            "preferred_output": Role.CHOSEN,
            "non_preferred_output": Role.REJECTED,
        }
        return _mapping(
            SourceShape.OPENAI,
            roles,
            "input, preferred_output and non_preferred_output are OpenAI's preference rows.",
        )
    if "messages" not in columns or _turn_key(rows, "messages") != "role":
        return None
    roles = _with_tools({"messages": Role.MESSAGES}, columns)
    if detect_format(rows) is DatasetFormat.REINFORCEMENT:
        return _mapping(
            SourceShape.OPENAI,
            roles,
            "messages end with the question and other keys follow: reinforcement rows.",
            keep=True,
        )
    return _mapping(SourceShape.OPENAI, roles, "messages holds turns with role and content.")


def _vertex(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> ColumnMapping | None:
    if "contents" not in columns:
        return None
    roles = {"contents": Role.MESSAGES}
    for name in ("systemInstruction", "system_instruction"):
        if name in columns:
            roles[name] = Role.SYSTEM
    return _mapping(
        SourceShape.VERTEX, _with_tools(roles, columns), "contents holds turns with role and parts: Vertex."
    )


def _sharegpt(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> ColumnMapping | None:
    for column in columns:
        key = _turn_key(rows, column)
        if key not in ("from", "role") or (key == "role" and column not in _TURN_LISTS):
            continue
        roles = {column: Role.MESSAGES}
        for name, role in (("system", Role.SYSTEM), ("chosen", Role.CHOSEN), ("rejected", Role.REJECTED)):
            if name in columns:
                roles[name] = role
        value = "value" if key == "from" else "content"
        return _mapping(
            SourceShape.SHAREGPT,
            _with_tools(roles, columns),
            f"{column} holds turns with {key} and {value}: ShareGPT.",
        )
    return None


def _trl(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> ColumnMapping | None:
    names = set(columns)
    if {"chosen", "rejected"} <= names:
        roles = {"chosen": Role.CHOSEN, "rejected": Role.REJECTED}
        asked = next((name for name in ("prompt", "instruction", "question", "input") if name in names), None)
        if asked is None:
            return _mapping(
                SourceShape.TRL,
                roles,
                "chosen and rejected without prompt: what both begin with is the prompt (TRL).",
            )
        roles[asked] = Role.PROMPT
        if asked == "instruction" and "input" in names:
            roles |= {"instruction": Role.USER, "input": Role.INPUT}
        if "system" in names:
            roles["system"] = Role.SYSTEM
        if "history" in names:
            roles["history"] = Role.HISTORY
        return _mapping(
            SourceShape.TRL,
            _with_tools(roles, columns),
            f"{asked}, chosen and rejected are preference rows (TRL).",
        )
    if {"prompt", "completion"} <= names and _is_list(rows, "prompt"):
        roles = {"prompt": Role.PROMPT, "completion": Role.COMPLETION}
        label = next((name for name in _LABEL_NAMES if name in names), None)
        if label:
            roles[label] = Role.LABEL
        return _mapping(
            SourceShape.TRL, _with_tools(roles, columns), "prompt and completion hold turns (TRL)."
        )
    return None


def _alpaca(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> ColumnMapping | None:
    answer = next((name for name in _ALPACA_ANSWERS if name in columns), None)
    if "instruction" not in columns or answer is None:
        return None
    roles = {"instruction": Role.USER, answer: Role.ASSISTANT}
    for name, role in (
        ("input", Role.INPUT),
        ("system", Role.SYSTEM),
        ("history", Role.HISTORY),
        ("kto_tag", Role.LABEL),
    ):
        if name in columns:
            roles[name] = role
    return _mapping(SourceShape.ALPACA, _with_tools(roles, columns), f"instruction and {answer}: Alpaca.")


def _completion(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> ColumnMapping | None:
    if not {"prompt", "completion"} <= set(columns):
        return None
    roles = {"prompt": Role.PROMPT, "completion": Role.COMPLETION}
    label = next((name for name in _LABEL_NAMES if name in columns and _is_truth(rows, name)), None)
    if label:
        roles[label] = Role.LABEL
    if "system" in columns:
        roles["system"] = Role.SYSTEM
    return _mapping(SourceShape.COMPLETION, roles, "prompt and completion hold text.")


def _plain_columns(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> ColumnMapping:
    plain = {column: _plain_name(column) for column in columns}
    roles: dict[str, Role] = {}
    for column, name in plain.items():
        if name in _SYSTEM_NAMES:
            roles[column] = Role.SYSTEM
        elif name == "weight":
            roles[column] = Role.WEIGHT
        elif column in _TOOL_NAMES:
            roles[column] = _TOOL_NAMES[column]
    answer = _first_named(plain, _ANSWER_NAMES, roles)
    if answer is not None:
        roles[answer] = Role.ASSISTANT
    question = _first_named(plain, _USER_NAMES, roles)
    if question is not None:
        roles[question] = Role.USER
    if question is not None and answer is not None:
        reason = f'The names "{question}" and "{answer}" say what they are.'
    elif len(free := [column for column in columns if column not in roles]) == 1 and (question or answer):
        roles[free[0]] = Role.USER if answer else Role.ASSISTANT
        reason = f'A guess: "{question or answer}" has a name that says what it is, and one column is left.'
    elif len(free) == 2 and not question and not answer:
        roles[free[0]], roles[free[1]] = Role.USER, Role.ASSISTANT
        reason = "A guess: of two columns the first asks and the second answers."
    else:
        reason = "Nothing known: say which column is what."
    return _mapping(SourceShape.COLUMNS, roles, reason)


def _first_named(plain: Mapping[str, str], names: Sequence[str], taken: Mapping[str, Role]) -> str | None:
    for name in names:
        for column, plain_name in plain.items():
            if plain_name == name and column not in taken:
                return column
    return None


def _plain_name(column: str) -> str:
    return "".join(char for char in column.casefold() if char.isalnum())


def _turn_key(rows: Sequence[Mapping[str, Any]], column: str) -> str:
    """Return how turns in a column name who speaks: "from", "role", or empty when there are no turns."""
    votes: Counter[str] = Counter()
    for row in rows:
        turns = row.get(column)
        if isinstance(turns, str) and turns.lstrip().startswith("[{"):
            from tui.datasets.convert.turns import parsed_json

            turns = parsed_json(turns)
        first = turns[0] if isinstance(turns, list) and turns else None
        if isinstance(first, dict) and "from" in first:
            votes["from"] += 1
        elif isinstance(first, dict) and "role" in first:
            votes["role"] += 1
        elif isinstance(turns, list):
            votes["role" if column == "messages" else ""] += 1
    return votes.most_common(1)[0][0] if votes else ""


def _is_list(rows: Sequence[Mapping[str, Any]], column: str) -> bool:
    lists = sum(1 for row in rows if isinstance(row.get(column), list))
    return lists * 2 > len(rows)


def _is_truth(rows: Sequence[Mapping[str, Any]], column: str) -> bool:
    words = ("true", "false", "0", "1")
    return all(isinstance(row.get(column), bool) or str(row.get(column)).lower() in words for row in rows)


_FINDERS = (
    (SourceShape.OPENAI, _openai),
    (SourceShape.VERTEX, _vertex),
    (SourceShape.SHAREGPT, _sharegpt),
    (SourceShape.TRL, _trl),
    (SourceShape.ALPACA, _alpaca),
    (SourceShape.COMPLETION, _completion),
)
