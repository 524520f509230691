"""Editing one row: each step does what its name says and leaves every other byte as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.datasets.formats import DatasetFormat
from tui.datasets.row_draft import MOST_BYTES, MOST_STEPS, RowDraft, escaped
from tui.errors import TunedeckError
from tui.safe_text import safe_text

LINE = (
    b'{"messages": [{"role": "system", "content": "kind"}, {"role": "user", "content": "h\\u00e9"},'
    b' {"role": "assistant", "content": "ho", "weight": 1}], "own": 1.50}'
)


def messages(draft: RowDraft) -> list[dict[str, Any]]:
    value = json.loads(draft.line)
    found: list[dict[str, Any]] = value["messages"]
    return found


def is_changed(draft: RowDraft) -> bool:
    return draft.is_changed


def test_a_content_is_written_and_all_else_keeps_its_bytes() -> None:
    draft = RowDraft(LINE)
    draft.set_text(2, "hi\n\u00e9")
    assert draft.line == LINE.replace(b'"ho"', b'"hi\\n\\u00e9"')
    assert is_changed(draft)
    draft.undo()
    assert draft.line == LINE
    assert not is_changed(draft)
    draft.redo()
    assert messages(draft)[2]["content"] == "hi\n\u00e9"


def test_role_weight_and_name_come_and_go() -> None:
    draft = RowDraft(LINE)
    draft.set_role(1, "developer")
    draft.set_weight(2, 0)
    draft.set_name(1, "ann")
    assert messages(draft)[1:] == [
        {"role": "developer", "content": "hé", "name": "ann"},
        {"role": "assistant", "content": "ho", "weight": 0},
    ]
    draft.set_weight(2, None)
    draft.set_name(1, "")
    draft.set_role(1, "user")
    assert draft.line == LINE.replace(b', "weight": 1', b"")


def test_messages_are_added_copied_moved_and_deleted() -> None:
    draft = RowDraft(LINE)
    assert draft.add(1) == 2
    assert messages(draft)[2] == {"role": "assistant", "content": ""}
    draft.delete(2)
    assert draft.line == LINE
    assert draft.duplicate(2) == 3
    assert draft.move(3, -1) == 2
    assert draft.move(0, -1) == 0
    assert draft.move(3, 1) == 3
    draft.move(0, 1)
    assert [message["role"] for message in messages(draft)] == ["user", "system", "assistant", "assistant"]
    for _ in range(4):
        draft.delete(0)
    assert messages(draft) == []
    assert draft.add(-1) == 0
    assert messages(draft) == [{"role": "user", "content": ""}]
    assert b'"own": 1.50' in draft.line


def test_a_preference_row_shows_its_three_lists_and_each_is_changed_in_its_place() -> None:
    row = {
        "input": {"messages": [{"role": "user", "content": "q"}]},
        "preferred_output": [{"role": "assistant", "content": "good"}],
        "non_preferred_output": [{"role": "assistant", "content": "bad"}],
    }
    draft = RowDraft(json.dumps(row).encode())
    assert [(one.group, one.text) for one in draft.messages()] == [
        ("", "q"), ("preferred", "good"), ("not preferred", "bad"),
    ]  # fmt: skip
    draft.set_text(2, "worse")
    draft.duplicate(1)
    value = json.loads(draft.line)
    assert value["non_preferred_output"][0]["content"] == "worse"
    assert len(value["preferred_output"]) == 2


def test_prompt_and_completion_are_two_texts_without_role_and_place() -> None:
    draft = RowDraft(b'{"prompt":"a","completion":"b"}')
    draft.set_text(1, "c")
    assert draft.line == b'{"prompt":"a","completion":"c"}'
    with pytest.raises(TunedeckError, match="no messages"):
        draft.delete(0)


def test_content_that_is_no_text_is_only_shown() -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    draft = RowDraft(
        json.dumps({"messages": [
            {"role": "user", "content": [{"type": "text", "text": "\x1b[31m"}]},
            {"role": "assistant", "tool_calls": calls},
            {"role": "assistant"},
            "no message",
        ]}).encode()
    )  # fmt: skip
    assert [one.text for one in draft.messages()] == [None, None, ""]
    assert "\x1b" not in draft.messages()[0].shown
    draft.set_text(2, "x")
    assert messages(draft)[2] == {"role": "assistant", "content": "x"}


def test_the_whole_row_is_edited_as_json_and_nothing_else_is_taken() -> None:
    draft = RowDraft(LINE)
    with pytest.raises(TunedeckError, match="line 1, column 10"):
        draft.set_json('{"a": 1, }')
    assert draft.line == LINE
    draft.set_json(draft.json())
    assert not draft.is_changed
    draft.set_json(draft.json().replace('"ho"', '"hi"'))
    assert draft.line == LINE.replace(b'"ho"', b'"hi"')


def test_a_row_that_is_no_json_is_mended_as_text() -> None:
    draft = RowDraft(b'{"messages": [}')
    assert draft.messages() == ()
    assert draft.json() == '{"messages": [}'
    draft.set_json('{"messages": []}')
    assert draft.is_object
    with pytest.raises(TunedeckError, match="control or invisible characters"):
        RowDraft(b'{"a": \x1b[31m').json()


@given(st.text(max_size=20), st.booleans())
def test_nothing_of_a_row_acts_on_the_terminal_and_unchanged_json_is_no_change(
    text: str, ascii_only: bool
) -> None:
    line = json.dumps({"a": text}, ensure_ascii=ascii_only).encode("utf-8", "replace")
    draft = RowDraft(line)
    shown = draft.json()
    assert safe_text(shown) == shown
    assert json.loads(shown) == json.loads(line)
    draft.set_json(shown)
    assert draft.line == line
    assert escaped("\U000e0041\x85") == "\\udb40\\udc41\\u0085"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["text", "role", "weight", "name", "add", "copy", "delete", "down"]),
            st.integers(0, 5),
            st.text(max_size=5),
        ),
        max_size=12,
    )
)
def test_any_steps_are_taken_back_one_by_one(steps: list[tuple[str, int, str]]) -> None:
    draft = RowDraft(LINE)
    seen = [draft.line]
    for name, index, text in steps:
        if not draft.messages():
            break
        at = index % len(draft.messages())
        before = draft.line
        text = text.encode("utf-8", "replace").decode()
        match name:
            case "text":
                draft.set_text(at, text)
            case "role":
                draft.set_role(at, text)
            case "weight":
                draft.set_weight(at, len(text) % 2 or None)
            case "name":
                draft.set_name(at, text)
            case "add":
                draft.add(at)
            case "copy":
                draft.duplicate(at)
            case "delete":
                draft.delete(at)
            case _:
                draft.move(at, 1)
        json.loads(draft.line)
        if draft.line != before:
            seen.append(draft.line)
    while draft.can_undo:
        assert draft.line == seen.pop()
        draft.undo()
    assert draft.line == LINE


def test_a_row_that_is_too_large_and_steps_without_end_are_bounded() -> None:
    with pytest.raises(TunedeckError, match="are the most"):
        RowDraft(b"x" * (MOST_BYTES + 1))
    draft = RowDraft(LINE, DatasetFormat.CHAT)
    for number in range(MOST_STEPS + 20):
        draft.set_text(0, str(number))
    assert draft.is_changed
    assert len(draft._done) == MOST_STEPS + 1
