"""An adapted example as rows of a shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tui.datasets.convert.example import Example, Message
from tui.datasets.convert.losses import LossList, RowProblem
from tui.datasets.convert.plain import plain_text
from tui.datasets.convert.sharegpt import write_sharegpt
from tui.datasets.convert.targets import Target, TargetShape
from tui.datasets.convert.vertex import write_vertex

Row = dict[str, Any]
TABLE_COLUMNS: Mapping[TargetShape, tuple[str, ...]] = {
    TargetShape.CHAT: ("messages", "tools", "parallel_tool_calls", "functions"),
    TargetShape.PREFERENCE: ("input", "preferred_output", "non_preferred_output"),
    TargetShape.COMPLETION: ("prompt", "completion"),
    TargetShape.ALPACA: ("instruction", "input", "output", "system", "history"),
    TargetShape.SHAREGPT: ("conversations", "system", "tools"),
    TargetShape.TRL: ("messages", "tools"),
    TargetShape.TRL_COMPLETION: ("prompt", "completion", "tools"),
    TargetShape.VERTEX: ("systemInstruction", "contents", "tools"),
    TargetShape.COLUMNS: ("system", "user", "assistant"),
}
"""Columns of a shape in a table file; shapes with free keys have none."""
PAIR_COLUMNS: Mapping[TargetShape, tuple[str, ...]] = {
    TargetShape.ALPACA: ("instruction", "input", "chosen", "rejected", "system", "history"),
    TargetShape.SHAREGPT: ("conversations", "chosen", "rejected", "system", "tools"),
    TargetShape.TRL: ("prompt", "chosen", "rejected", "tools"),
}
"""The same where the rows are preferences."""


def write_rows(example: Example, target: Target, losses: LossList) -> list[Row]:
    """Return the rows of an example that `adapt` has been through; mostly one.

    Raises:
        RowProblem: The shape can't hold it.
    """
    return _WRITERS[target.shape](example, losses)


def _chat(example: Example, losses: LossList) -> list[Row]:
    return [{"messages": example.messages, **_tools(example)}]


def _tools(example: Example) -> Row:
    found: Row = {}
    if example.tools:
        found["tools"] = example.tools
    if example.parallel_tool_calls is not None:
        found["parallel_tool_calls"] = example.parallel_tool_calls
    if example.functions:
        found["functions"] = example.functions
    return found


def _preference(example: Example, losses: LossList) -> list[Row]:
    for answer in (example.preferred, example.rejected):
        if answer is None:
            raise RowProblem("the row has not two answers")
    _strip_weights(example.messages, losses)
    return [
        {
            "input": {"messages": example.messages, **_tools(example)},
            "preferred_output": [example.preferred],
            "non_preferred_output": [example.rejected],
        }
    ]


def _strip_weights(messages: list[Message], losses: LossList) -> None:
    for message in messages:
        if message.pop("weight", 1) == 0:
            losses.note("weight", "", "0 is left out: this shape has no weights")


def _reinforcement(example: Example, losses: LossList) -> list[Row]:
    _strip_weights(example.messages, losses)
    return [{"messages": example.messages, **_tools(example), **example.own}]


def _completion(example: Example, losses: LossList) -> list[Row]:
    system, question, answer = _single(example, "prompt and completion", losses)
    if system is not None:
        losses.note("system message")
    return [{"prompt": question, "completion": answer}]


def _columns(example: Example, losses: LossList) -> list[Row]:
    system, question, answer = _single(example, "one table row", losses)
    return [{"system": system or "", "user": question, "assistant": answer}]


def _single(example: Example, what: str, losses: LossList) -> tuple[str | None, str, str]:
    system, pairs = _pairs(example.messages, what, losses)
    _lose_tools(example, losses)
    if len(pairs) != 1:
        raise RowProblem(f"{len(pairs)} question-answer pairs do not fit into {what}")
    return system, *pairs[0]


def _lose_tools(example: Example, losses: LossList) -> None:
    if example.tools or example.functions:
        losses.note("tools", "", "definitions are left out")


def _pairs(
    messages: list[Message], what: str, losses: LossList, *, open_end: bool = False
) -> tuple[str | None, list[tuple[str, str]]]:
    """Return (system text, question-answer texts) of a conversation of nothing else."""
    spoken = list(messages)
    system: list[str] = []
    while spoken and spoken[0]["role"] in ("system", "developer"):
        head = spoken.pop(0)
        if head["role"] == "developer":
            losses.note("role", "developer", "written as system")
        system.append(plain_text(head, losses))
    if len(system) > 1:
        losses.note("system message", "", "several became one")
    wanted = ["user", "assistant"] * (len(spoken) // 2 + 1)
    roles = [message["role"] for message in spoken]
    if roles != wanted[: len(roles)] or (len(roles) % 2 == 1) != open_end:
        raise RowProblem(
            f"the turns {', '.join(roles[:6])} do not fit into {what}: only questions and answers do"
        )
    texts = [plain_text(message, losses) for message in spoken]
    if open_end:
        texts.append("")
    return "\n\n".join(system) if system else None, list(zip(texts[::2], texts[1::2], strict=True))


def _alpaca(example: Example, losses: LossList) -> list[Row]:
    system, pairs = _pairs(example.messages, "Alpaca", losses, open_end=example.is_preference)
    _lose_tools(example, losses)
    question, answer = pairs[-1]
    row: Row = {"instruction": question, "input": ""}
    if example.preferred is not None and example.rejected is not None:
        row["chosen"] = plain_text(example.preferred, losses)
        row["rejected"] = plain_text(example.rejected, losses)
    else:
        row["output"] = answer
    if system is not None:
        row["system"] = system
    if len(pairs) > 1:
        row["history"] = [list(pair) for pair in pairs[:-1]]
    return [row]


def _trl(example: Example, losses: LossList) -> list[Row]:
    for message in example.messages:
        if message.pop("weight", 1) == 0:
            losses.note("weight", "", "0 is left out: TRL has no weights; --to trl-completion keeps them")
    tools = {"tools": example.tools} if example.tools else {}
    if example.is_preference:
        answers = {"chosen": [example.preferred], "rejected": [example.rejected]}
        return [{"prompt": example.messages, **answers, **tools}]
    return [{"messages": example.messages, **tools}]


def _trl_completion(example: Example, losses: LossList) -> list[Row]:
    """One row for each answer that is learned: TRL takes the loss of completions only."""
    tools = {"tools": example.tools} if example.tools else {}
    rows: list[Row] = []
    messages = [
        {key: value for key, value in message.items() if key != "weight"} for message in example.messages
    ]
    for index, message in enumerate(example.messages):
        if message["role"] == "assistant" and message.get("weight") != 0:
            rows.append({"prompt": messages[:index], "completion": [messages[index]], **tools})
    if len(rows) > 1:
        losses.note("conversation", "", "split: one row for each answer that is learned")
    if len(rows) == 1 and any(message.get("weight") == 0 for message in example.messages):
        losses.note("weight", "", "kept by the form: only the completion is learned")
    return rows


def _vertex(example: Example, losses: LossList) -> list[Row]:
    return [write_vertex(example, losses)]


def _sharegpt(example: Example, losses: LossList) -> list[Row]:
    return [write_sharegpt(example, losses)]


_WRITERS: Mapping[TargetShape, Callable[[Example, LossList], list[Row]]] = {
    TargetShape.CHAT: _chat,
    TargetShape.PREFERENCE: _preference,
    TargetShape.REINFORCEMENT: _reinforcement,
    TargetShape.COMPLETION: _completion,
    TargetShape.ALPACA: _alpaca,
    TargetShape.SHAREGPT: _sharegpt,
    TargetShape.TRL: _trl,
    TargetShape.TRL_COMPLETION: _trl_completion,
    TargetShape.VERTEX: _vertex,
    TargetShape.COLUMNS: _columns,
}
