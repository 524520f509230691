"""Conversations of every kind, files of every form, and conversions that must leave nothing else changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tui.datasets.convert.account import Conversion, ConvertOptions
from tui.datasets.convert.convert import convert_file
from tui.datasets.convert.records import SourceOptions

Row = dict[str, Any]
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
"""Control bytes and all, but no half characters."""


def convert(source: Path, target: Path, reading: SourceOptions | None = None, **options: Any) -> Conversion:
    """Convert and prove that the source stayed as it was and nothing was left beside the target."""
    before = source.read_bytes()
    beside = {path.name for path in target.parent.iterdir()}
    try:
        return convert_file(source, target, ConvertOptions(reading or SourceOptions(), **options))
    finally:
        assert source.read_bytes() == before
        left = {path.name for path in target.parent.iterdir()} - beside - {target.name}
        assert left == set()


def write_lines(path: Path, rows: list[Row]) -> Path:
    path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    return path


def rows_of(path: Path) -> list[Row]:
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    return [json.loads(line) for line in data.splitlines()] if path.suffix == ".jsonl" else json.loads(data)


def normal(value: Any) -> Any:
    """Return a row without what means the same: weight 1, no content beside tool calls."""
    if isinstance(value, list):
        return [normal(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    kept = {key: normal(entry) for key, entry in value.items()}
    if kept.get("role") == "assistant" and kept.get("weight") == 1:
        del kept["weight"]
    if kept.get("tool_calls") and not kept.get("content"):
        kept.pop("content", None)
    return kept


# Conversations

_names = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
_arguments = st.dictionaries(_names, st.one_of(st.integers(-999, 999), st.booleans(), texts), max_size=3)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@st.composite
def contents(draw: st.DrawFn, *, images: bool) -> Any:
    if draw(st.integers(0, 5)):
        return draw(texts)
    parts: list[Row] = [{"type": "text", "text": draw(texts)} for _ in range(draw(st.integers(1, 2)))]
    if images and draw(st.booleans()):
        address = draw(st.sampled_from(["https://example.org/a.png", "data:image/png;base64,aGk="]))
        image: Row = {"url": address}
        if draw(st.booleans()):
            image["detail"] = "low"
        parts.append({"type": "image_url", "image_url": image})
    return parts


@st.composite
def tool_turns(draw: st.DrawFn, ids: list[int]) -> list[Row]:
    """A call and its answer; sometimes with ids and spaces of somebody else's."""
    calls = []
    answers = []
    for _ in range(draw(st.integers(1, 2))):
        ids[0] += 1
        call_id = f"call_{ids[0]}" if draw(st.integers(0, 3)) else draw(texts) + str(ids[0])
        arguments = draw(_arguments)
        text = _compact(arguments) if draw(st.integers(0, 3)) else json.dumps(arguments, indent=1)
        calls.append(
            {"id": call_id, "type": "function", "function": {"name": draw(_names), "arguments": text}}
        )
        answers.append(
            {
                "role": "tool",
                "tool_call_id": call_id,
                "content": draw(st.one_of(texts, _arguments.map(_compact))),
            }
        )
    message: Row = {"role": "assistant", "tool_calls": calls}
    if draw(st.booleans()):
        message["content"] = draw(texts)
    return [message, *answers]


@st.composite
def chats(draw: st.DrawFn) -> Row:
    """A sound chat row of any kind: tools, weights, names, images, several turns."""
    ids = [0]
    messages: list[Row] = []
    tools: list[Row] = []
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2]))):
        role = draw(st.sampled_from(["system", "system", "developer"]))
        messages.append({"role": role, "content": draw(texts)})
    with_tools = draw(st.booleans())
    for _ in range(draw(st.integers(1, 3))):
        user: Row = {"role": "user", "content": draw(contents(images=True))}
        if not draw(st.integers(0, 5)):
            user["name"] = draw(_names)
        messages.append(user)
        if with_tools and draw(st.booleans()):
            messages += draw(tool_turns(ids))
        answer: Row = {"role": "assistant", "content": draw(contents(images=False))}
        if not draw(st.integers(0, 4)):
            answer["weight"] = draw(st.sampled_from([0, 1]))
        messages.append(answer)
    messages[-1].pop("weight", None)
    row: Row = {"messages": messages}
    if with_tools:
        for name in draw(st.lists(_names, min_size=1, max_size=2, unique=True)):
            function: Row = {"name": name, "description": draw(texts), "parameters": {"type": "object"}}
            if not draw(st.integers(0, 3)):
                function["strict"] = True
            tools.append({"type": "function", "function": function})
        row["tools"] = tools
        if draw(st.booleans()):
            row["parallel_tool_calls"] = draw(st.booleans())
    return row


@st.composite
def preferences(draw: st.DrawFn) -> Row:
    """A sound preference row."""
    chat = draw(chats())
    messages = chat.pop("messages")
    del messages[-1]
    for message in messages:
        message.pop("weight", None)
    return {
        "input": {"messages": messages, **chat},
        "preferred_output": [{"role": "assistant", "content": draw(texts)}],
        "non_preferred_output": [{"role": "assistant", "content": draw(texts)}],
    }
