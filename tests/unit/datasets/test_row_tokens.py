from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.datasets.builders import (
    WEATHER,
    assistant,
    call,
    chat,
    check_rows,
    clean_chats,
    preference,
    user,
    write,
)
from tui.datasets.counting import count_file
from tui.datasets.formats import DatasetFormat
from tui.datasets.row_tokens import RowTokenCounter
from tui.datasets.tokens import TiktokenCounter
from tui.datasets.vocabulary import encoder


class Letters:
    """Counts characters, so that expectations can be read off a row."""

    name = "letters"

    def count(self, text: str) -> int:
        return len(text)


def tokens_of(value: object, dataset_format: DatasetFormat = DatasetFormat.CHAT) -> tuple[int, int]:
    counter = RowTokenCounter(Letters())
    tokens = counter.row(value, dataset_format)
    assert sum(counter.by_role.values()) == tokens.total
    return tokens.total, tokens.trained


def cookbook(messages: list[dict[str, str]], encoding_name: str) -> int:
    """The cookbook's own counter, for messages that hold text only."""
    encoding = encoder(encoding_name)
    total = 3
    for message in messages:
        total += 3
        for key, value in message.items():
            total += len(encoding.encode(value, disallowed_special=()))
            total += key == "name"
    return total


def test_framing_roles_and_names_are_counted() -> None:
    assert tokens_of(chat(user("abcde"), assistant("xy"))) == (3 + (3 + 4 + 5) + (3 + 9 + 2), 2)
    assert tokens_of(chat(user("abc", name="Ann"), assistant("x"))) == (
        3 + (3 + 4 + 3 + 3 + 1) + (3 + 9 + 1),
        1,
    )


def test_weight_decides_what_is_trained_and_not_what_is_counted() -> None:
    rows = [chat(user("a"), assistant("bcd", weight=weight)) for weight in (0, 1)]
    assert [tokens_of(row) for row in rows] == [(26, 0), (26, 3)]


def test_tools_calls_parts_and_pictures_are_counted() -> None:
    calling = chat({"role": "assistant", "tool_calls": [call(name="abc", arguments="{}")]})
    assert tokens_of(calling) == (3 + 3 + 9 + 5, 5)
    plain, _ = tokens_of(chat(user("a"), assistant("b")))
    with_tools, _ = tokens_of(chat(user("a"), assistant("b"), tools=[WEATHER]))
    assert with_tools - plain == len(json.dumps([WEATHER], separators=(",", ":")))
    low = {"type": "image_url", "image_url": {"url": "x", "detail": "low"}}
    high = {"type": "image_url", "image_url": {"url": "x"}}
    assert tokens_of(chat(user([{"type": "text", "text": "abc"}, low, high]))) == (
        3 + 3 + 4 + 3 + 85 + 765,
        0,
    )


def test_preference_rows_count_the_input_once_and_train_both_answers() -> None:
    row = preference(user("abc"), good=[assistant("de")], bad=[assistant("f")])
    assert tokens_of(row, DatasetFormat.PREFERENCE) == (3 + (3 + 4 + 3) + (3 + 9 + 2) + (3 + 9 + 1), 3)


def test_other_formats_and_impossible_types_are_counted_without_a_word() -> None:
    assert tokens_of({"prompt": "abc", "completion": "de"}, DatasetFormat.COMPLETION) == (5, 2)
    assert tokens_of({"messages": [user("abc")], "answer": "x"}, DatasetFormat.REINFORCEMENT) == (13, 0)
    assert tokens_of(None) == (0, 0)
    assert tokens_of({"messages": 3}) == (3, 0)


MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant"]), "content": st.text(max_size=50)},
        optional={"name": st.text("abc", min_size=1, max_size=5)},
    ),
    max_size=5,
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(MESSAGES, min_size=1, max_size=4), st.sampled_from(["gpt-4.1-2025-04-14", "gpt-3.5-turbo-0125"])
)
def test_plain_rows_count_as_the_cookbook_counts_them(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[dict[str, str]]], model: str
) -> None:
    path = write(
        tmp_path_factory.mktemp("rows") / "rows.jsonl", [{"messages": messages} for messages in rows]
    )
    result = count_file(path, model, dataset_format=DatasetFormat.CHAT)
    expected = [cookbook(messages, result.encoding) for messages in rows]
    assert result.total_tokens == sum(expected)
    assert (result.per_example.min, result.per_example.max) == (min(expected), max(expected))
    assert result.per_example.mean == pytest.approx(sum(expected) / len(expected))
    answers = [m["content"] for messages in rows for m in messages if m["role"] == "assistant"]
    counter = TiktokenCounter(result.encoding)
    assert result.trained_tokens == sum(counter.count(answer) for answer in answers)


def test_the_count_tells_what_it_could_not_read(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [*clean_chats(3), "broken", "[]", ""])
    result = count_file(path, "gpt-4.1-mini")
    assert (result.examples, result.skipped_lines) == (3, 2)
    value: dict[str, Any] = result.as_json()
    assert set(value) >= {"model", "encoding", "examples", "total_tokens", "trained_tokens", "per_example"}
    assert set(value["per_example"]) == {"min", "mean", "median", "p95", "max"}


def test_another_tokenizer_can_count(tmp_path: Path) -> None:
    report = check_rows(tmp_path, clean_chats(12), count_tokens=True, tokenizer=Letters())
    assert report.tokens.encoding == "letters"
    assert report.tokens.by_role["user"] == sum(len(f"Question {number}") for number in range(12))
    assert report.tokens.longest[0] == (11, report.tokens.per_example.max)


def test_an_empty_file_counts_nothing(tmp_path: Path) -> None:
    result = count_file(write(tmp_path / "rows.jsonl", []), "gpt-4.1-mini")
    assert (result.examples, result.total_tokens, result.per_example.max) == (0, 0, 0)
