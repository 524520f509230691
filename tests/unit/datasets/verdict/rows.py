"""Right rows of every format, and every small way to break one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

from tests.unit.datasets.builders import WEATHER, assistant, call, chat, preference, tool_chat, user
from tui.datasets.formats import DatasetFormat

CHAT, PREFERENCE = DatasetFormat.CHAT, DatasetFormat.PREFERENCE
REINFORCEMENT, COMPLETION = DatasetFormat.REINFORCEMENT, DatasetFormat.COMPLETION
Row = dict[str, Any]
Path = tuple[str | int, ...]

PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}
DRAWN = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
_TALK = (
    {"role": "system", "content": "Be short.", "name": "rules"},
    user("Which?", name="Ann"),
    assistant("This.", weight=0),
    user([{"type": "text", "text": "And this?"}, PICTURE, DRAWN]),
    assistant([{"type": "text", "text": "Yes."}, {"type": "refusal", "refusal": "No."}], weight=1),
)
_OLD = (
    user(),
    {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": "{}"}},
    {"role": "function", "name": "weather", "content": "sunny"},
    assistant(refusal=None, audio={"id": "audio_1"}),
)
RIGHT: dict[DatasetFormat, list[Row]] = {
    CHAT: [
        chat(),
        chat(*_TALK),
        tool_chat(parallel_tool_calls=False),
        chat(*_OLD, functions=[{"name": "weather", "description": "It.", "parameters": {"type": "object"}}]),
    ],
    PREFERENCE: [
        preference(),
        preference(
            {"role": "system", "content": "Be short."},
            user(),
            assistant(),
            user(),
            good=[assistant(None, tool_calls=[call()])],
            bad=[assistant(None, refusal="No.")],
            more_input={"tools": [WEATHER], "parallel_tool_calls": True},
        ),
    ],
    REINFORCEMENT: [
        {
            "messages": [{"role": "developer", "content": "Add."}, user([{"type": "text", "text": "2 + 2"}])],
            "answer": 4,
        },
        {**tool_chat(), "messages": tool_chat()["messages"][:-1], "key": {"a": [1]}},
    ],
    COMPLETION: [{"prompt": "2 + 2 =", "completion": " 4"}],
}

ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, 2, -1, 0.0, 1.0, 0.5, "", " ", "text", "auto", "original", [], {}, ["text"],
    [{}], {"id": "a"},
    "assistant", "user", "developer", "function", "tool", "system", "human", "call_1", "custom", "function",
    "<|endoftext|>", "a<|fim_middle|>b", "<|im_start|>", "file:///a.png", "data:image/gif;base64,AAAA",
    "data:image/png,abc", "http://example.com/a", [{"type": "text", "text": "x"}], [PICTURE],
    [{"type": "refusal", "refusal": "No."}], [{"type": "file", "file": {"file_id": "file-1"}}],
    [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}],
    [{"type": "custom", "id": "call_1", "custom": {"name": "a", "input": "b"}}],
    [{"type": "custom", "custom": {"name": "a"}}], [WEATHER], [WEATHER] * 129, [call()], [call("call_2")],
    {"name": "weather", "arguments": "{}"}, [{"name": "weather"}], [PICTURE] * 11, user(), assistant(),
)  # fmt: skip
KEYS = (
    "role", "content", "name", "weight", "refusal", "audio", "tool_calls", "function_call", "tool_call_id",
    "messages", "tools", "functions", "parallel_tool_calls", "input", "preferred_output",
    "non_preferred_output", "prompt", "completion", "type", "text", "image_url", "url", "detail", "function",
    "arguments", "id", "description", "parameters", "strict", "mood",
)  # fmt: skip
Change = Callable[[Row], None]


def places(value: object, path: Path = ()) -> Iterator[Path]:
    """Yield the path of everything inside a value."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*path, key)
            yield from places(inner, (*path, key))


def at(value: Any, path: Path) -> Any:
    """Return what stands at a path."""
    for step in path:
        value = value[step]
    return value


def replaced(row: Row, path: Path, odd: object) -> Row:
    """Return the row with something else at a path."""
    row = copy.deepcopy(row)
    at(row, path[:-1])[path[-1]] = copy.deepcopy(odd)
    return row


def without(row: Row, path: Path) -> Row:
    """Return the row without what stands at a path."""
    row = copy.deepcopy(row)
    del at(row, path[:-1])[path[-1]]
    return row


def doubled(row: Row, path: Path) -> Row:
    """Return the row with an entry of a list twice; the row as it is elsewhere."""
    row = copy.deepcopy(row)
    holder = at(row, path[:-1])
    if isinstance(holder, list):
        holder.insert(int(path[-1]), copy.deepcopy(holder[int(path[-1])]))
    return row


def every_small_change(row: Row) -> Iterator[Row]:
    """Yield the row with each single thing left out, doubled, replaced or added."""
    objects = [(), *(path for path in places(row) if isinstance(at(row, path), dict))]
    for path in places(row):
        yield without(row, path)
        yield doubled(row, path)
        for odd in ODD_VALUES:
            yield replaced(row, path, odd)
    for path in objects:
        for key in KEYS:
            for odd in ODD_VALUES:
                yield replaced(row, (*path, key), odd)


@st.composite
def changed_rows(draw: st.DrawFn, dataset_format: DatasetFormat) -> Row:
    """Draw a right row with up to four changes; parts of other right rows are among what is put in."""
    row = copy.deepcopy(draw(st.sampled_from(RIGHT[dataset_format])))
    for _ in range(draw(st.integers(0, 4))):
        paths = list(places(row))
        if not paths:
            return row
        path = draw(st.sampled_from(paths))
        match draw(st.sampled_from(["without", "doubled", "replaced", "added", "swapped"])):
            case "without":
                row = without(row, path)
            case "doubled":
                row = doubled(row, path)
            case "replaced":
                row = replaced(row, path, draw(st.sampled_from(ODD_VALUES)))
            case "swapped":
                row = replaced(row, path, draw(st.sampled_from(_PARTS)))
            case _:
                holder = path if isinstance(at(row, path), dict) else ()
                row = replaced(row, (*holder, draw(st.sampled_from(KEYS))), draw(st.sampled_from(ODD_VALUES)))
    return row


_PARTS = [at(row, path) for rows in RIGHT.values() for row in rows for path in places(row)]
