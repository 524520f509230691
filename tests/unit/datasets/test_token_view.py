from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.datasets.builders import WEATHER, assistant, call, chat, preference, tool_chat, user
from tui.datasets.formats import DatasetFormat
from tui.datasets.row_tokens import RowTokenCounter
from tui.datasets.token_ids import TiktokenReader
from tui.datasets.token_segments import SpanKind
from tui.datasets.token_text import shown_bytes
from tui.datasets.token_view import TokenView, view_row
from tui.datasets.tokens import TiktokenCounter
from tui.safe_text import safe_line

READER = TiktokenReader("o200k_base")

texts = st.text(max_size=40)
parts = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": texts}),
    st.fixed_dictionaries(
        {
            "type": st.just("image_url"),
            "image_url": st.fixed_dictionaries(
                {"url": st.just("https://a/b.png"), "detail": st.sampled_from(["low", "high"])}
            ),
        }
    ),
)
messages = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "wizard"])},
    optional={
        "content": st.one_of(texts, st.none(), st.lists(parts, max_size=3), st.integers()),
        "name": st.one_of(texts, st.integers()),
        "weight": st.sampled_from([0, 1]),
        "refusal": texts,
        "tool_call_id": texts,
        "tool_calls": st.lists(st.builds(call, arguments=texts), max_size=2),
    },
)
tools = st.sampled_from([None, [], [WEATHER], [WEATHER, {"odd": 1}], "text"])
chats = st.fixed_dictionaries({"messages": st.lists(messages, max_size=5), "tools": tools})
answers = st.lists(messages, min_size=1, max_size=1)
rows = st.one_of(
    st.tuples(chats, st.sampled_from([DatasetFormat.CHAT, DatasetFormat.REINFORCEMENT])),
    st.tuples(
        st.fixed_dictionaries({"input": chats, "preferred_output": answers, "non_preferred_output": answers}),
        st.just(DatasetFormat.PREFERENCE),
    ),
    st.tuples(
        st.fixed_dictionaries({"prompt": texts, "completion": st.one_of(texts, st.integers())}),
        st.just(DatasetFormat.COMPLETION),
    ),
    st.tuples(st.one_of(st.integers(), st.lists(texts)), st.just(DatasetFormat.CHAT)),
)


def view(row: Any, limit: int | None = None, dataset_format: DatasetFormat = DatasetFormat.CHAT) -> TokenView:
    return view_row(row, dataset_format, READER, limit)


@settings(max_examples=200)
@given(rows, st.integers(0, 60))
def test_what_is_drawn_is_what_is_counted(case: tuple[Any, DatasetFormat], limit: int) -> None:
    row, dataset_format = case
    counter = RowTokenCounter(TiktokenCounter("o200k_base"))
    counted = counter.row(row, dataset_format)
    drawn = view(row, limit, dataset_format)
    spans = list(drawn.spans())
    assert (drawn.total, drawn.trained) == (counted.total, counted.trained)
    assert {role: sum_ for role, sum_ in drawn.by_role().items() if sum_} == {
        role: sum_ for role, sum_ in counter.by_role.items() if sum_
    }
    assert len(spans) == drawn.span_count
    assert sum(span.tokens for span in spans) == drawn.total
    assert drawn.lost == max(0, drawn.total - limit)
    cut = [number for number, span in enumerate(spans) if span.cut]
    assert drawn.first_cut == (cut[0] if cut else None)
    assert cut == list(range(cut[0], len(spans))) if cut else not drawn.lost
    assert all(span.text and span.text == safe_line(span.text) for span in spans)


@given(texts)
def test_the_bytes_of_a_texts_tokens_are_the_text(text: str) -> None:
    assert b"".join(READER.token_bytes(token) for token in READER.encode(text)).decode() == text


def test_only_the_answers_that_weigh_are_trained_on() -> None:
    row = chat(user("Hi"), assistant("No", weight=0), user("Again"), assistant("Yes indeed"))
    trained = [span for span in view(row).spans() if span.trained]
    assert "".join(span.text for span in trained) == "Yes indeed"
    assert {span.message for span in trained} == {3}
    assert {span.kind for span in trained} == {SpanKind.CONTENT}


def test_the_limit_cuts_the_end_and_says_what_is_lost() -> None:
    row = chat(user("one two three"), assistant("four five six"))
    whole = view(row)
    drawn = view(row, whole.total - 5)
    assert drawn.lost == 5
    assert [span.text for span in drawn.spans() if span.cut] == [
        " six", "<|im_end|>", "<|im_start|>", "assistant", "<|im_sep|>",
    ]  # fmt: skip
    assert drawn.lost_trained == 1
    assert whole.lost == 0
    assert whole.first_cut is None


def test_a_character_in_several_tokens_is_shown_as_its_bytes() -> None:
    row = chat(user("𓀀"), assistant("x"))
    spans = [span for span in view(row).spans() if span.role == "user" and span.kind is SpanKind.CONTENT]
    assert len(spans) > 1
    assert all(span.is_part for span in spans)
    assert "".join(span.text for span in spans) == "".join(f"\\x{byte:02x}" for byte in "𓀀".encode())


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b" a", " a"),
        (b"\r\n", "␍⏎"),
        (b"\x1b[31m", "␛[31m"),
        (b"\t", "⇥"),
        ("\u0301".encode(), "\\u0301"),
        ("\u200d".encode(), "\\u200d"),
        ("\u202e".encode(), "\\u202e"),
        (b" \xf0\x9f", " \\xf0\\x9f"),
        ("日".encode(), "日"),
    ],
)
def test_a_token_is_shown_safely(raw: bytes, shown: str) -> None:
    assert shown_bytes(raw)[0] == shown


def test_tools_images_and_calls_stand_for_what_they_count() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}}
    row = tool_chat()
    row["messages"][0]["content"] = [{"type": "text", "text": "See"}, image]
    spans = list(view(row).spans())
    assert [span.tokens for span in spans if span.kind is SpanKind.IMAGE] == [85]
    assert spans[0].kind is SpanKind.TOOLS
    assert "weather" in "".join(span.text for span in spans if span.trained)


def test_a_preference_row_learns_from_both_answers() -> None:
    drawn = view(preference(user("Hi")), None, DatasetFormat.PREFERENCE)
    assert "".join(span.text for span in drawn.spans() if span.trained) == "Good.Bad."


def test_a_million_blanks_are_drawn() -> None:
    drawn = view(chat(user(" " * 1_000_000 + "x"), assistant("y")))
    assert (
        drawn.total
        == RowTokenCounter(TiktokenCounter("o200k_base"))
        .row(chat(user(" " * 1_000_000 + "x"), assistant("y")), DatasetFormat.CHAT)
        .total
    )


def test_a_span_far_into_a_megabyte_costs_nothing() -> None:
    drawn = view(chat(user("word " * 200_000), assistant("yes")), 65_536)
    start = time.process_time()
    for number in range(drawn.span_count - 2_000, drawn.span_count):
        drawn.span(number)
    assert time.process_time() - start < 0.5
    with pytest.raises(IndexError):
        drawn.span(drawn.span_count)
