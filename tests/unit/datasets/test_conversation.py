from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.datasets.builders import assistant, chat, preference, tool_chat, user
from tui.datasets.conversation import Turn, conversation, preview
from tui.datasets.formats import DatasetFormat, detect_format
from tui.datasets.source import Row

CHAT, PREFERENCE = DatasetFormat.CHAT, DatasetFormat.PREFERENCE


def row(value: object) -> Row:
    return Row(1, json.dumps(value), value, None, None)


def test_a_chat_row_becomes_turns() -> None:
    turns = conversation(row(chat(user("Hi", name="Ann"), assistant("Ho", weight=0))), CHAT)
    assert turns == (Turn("user", "Hi", name="Ann"), Turn("assistant", "Ho", weight=0))


def test_tool_calls_and_images_are_shown() -> None:
    turns = conversation(row(tool_chat()), CHAT)
    assert (turns[0].role, turns[0].text, turns[0].facts) == ("tools", "weather()", ("1 defined",))
    assert turns[2].tool_calls == ("weather({})",)
    assert (turns[3].role, turns[3].text) == ("tool", "sunny")
    parts = [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": "https://a/b"}}]
    (turn,) = conversation(row(chat(user(parts))), CHAT)
    assert (turn.text, turn.facts) == ("Look", ("1 image",))


def test_both_answers_of_a_preference_row_are_marked() -> None:
    turns = conversation(row(preference()), DatasetFormat.UNKNOWN)
    assert [(turn.role, turn.note) for turn in turns] == [
        ("user", ""),
        ("assistant", "preferred"),
        ("assistant", "not preferred"),
    ]


def test_completion_and_reinforcement_rows_are_drawn_too() -> None:
    turns = conversation(row({"prompt": "p", "completion": "c"}), DatasetFormat.COMPLETION)
    assert [(turn.role, turn.text) for turn in turns] == [("user", "p"), ("assistant", "c")]
    graded = conversation(row({"messages": [user()], "answer": 4}), DatasetFormat.REINFORCEMENT)
    assert (graded[-1].role, graded[-1].text) == ("item", "answer: 4")


def test_a_preview_tells_question_and_answer_in_the_width_given() -> None:
    system = {"role": "system", "content": "Be nice."}
    value = chat(system, user("What\nis it?"), assistant("A cat."))
    assert preview(row(value), CHAT, 60) == "What is it? \u2192 A cat."
    assert len(preview(row(value), CHAT, 8)) == 8
    broken = Row(1, "{", None, "Not valid JSON", 2)
    assert preview(broken, CHAT, 60) == "! Not valid JSON"
    assert preview(Row(1, "[1]", [1], None, None), CHAT, 60) == "[1]"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = [
    "role",
    "content",
    "messages",
    "input",
    "preferred_output",
    "prompt",
    "tool_calls",
    "function",
    "weight",
]
SHAPED = st.recursive(
    JSON,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@given(SHAPED, st.sampled_from(list(DatasetFormat)), st.integers(1, 100))
def test_no_row_of_any_shape_breaks_the_drawing_or_sends_control_bytes(
    value: Any, dataset_format: DatasetFormat, width: int
) -> None:
    drawn = row(value)
    line = preview(drawn, dataset_format, width)
    assert len(line) <= width
    texts = [line]
    for turn in conversation(drawn, dataset_format):
        texts += [turn.role, turn.text, turn.name or "", *turn.tool_calls]
    forbidden = [char for text in texts for char in text if (ord(char) < 32 and char not in "\n\t")]
    assert forbidden == []
    assert "\n" not in line


def test_formats_are_told_apart() -> None:
    assert detect_format([chat(), chat(weight=1)]) is CHAT
    assert detect_format([preference()]) is PREFERENCE
    assert detect_format([{"messages": [user()], "answer": 1}]) is DatasetFormat.REINFORCEMENT
    assert detect_format([{"messages": [user()]}]) is CHAT
    assert detect_format([{"prompt": "p", "completion": "c"}]) is DatasetFormat.COMPLETION
    assert detect_format([{}, 3, None]) is DatasetFormat.UNKNOWN
    assert detect_format([{"instruction": "i", "input": "", "output": "o"}]) is DatasetFormat.UNKNOWN
    assert detect_format([]) is DatasetFormat.UNKNOWN
    assert detect_format([preference(), chat(), chat()]) is CHAT


@pytest.mark.parametrize(
    ("image", "fact"),
    [
        ({"url": "https://example.org/x.png", "detail": "low"}, "https://example.org/x.png, detail low"),
        ({"url": "data:image/png;base64," + "A" * 16_000}, "PNG, 12 KB in the row"),
        ("\x1b[31m", "\u241b[31m"),
        (7, "7"),
    ],
)
def test_an_image_is_told_as_a_fact(image: object, fact: str) -> None:
    [turn] = conversation(row({"messages": [user([{"type": "image_url", "image_url": image}])]}), CHAT)
    assert turn.images == (fact,)


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": "4", "reasoning_content": "2+2"},
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "2+2"}, {"type": "text", "text": "4"}],
        },
    ],
)
def test_thinking_stands_apart_from_the_answer(message: dict[str, object]) -> None:
    [turn] = conversation(row({"messages": [message]}), CHAT)
    assert (turn.text, turn.thinking) == ("4", "2+2")
