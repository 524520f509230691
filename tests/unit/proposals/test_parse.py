"""What models write is read leniently, and what can't be read is told."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.datasets.formats import DatasetFormat
from tui.proposals.noise import with_slips
from tui.proposals.parse import MOST_PIECES, read_conversation, read_examples, read_text

CHAT, PAIRS = DatasetFormat.CHAT, DatasetFormat.PREFERENCE
EXPECTED = [("Is it open?", "Yes.")]


def pairs_in(answer: str) -> list[tuple[str, str]]:
    pieces = read_examples(answer, CHAT)
    return [
        (one.messages[0]["content"], one.messages[-1]["content"]) for one in pieces if not one.why_not
    ]  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        '{"user": "Is it open?", "assistant": "Yes."}',
        'Sure! Here it is:\n```json\n{"user": "Is it open?", "assistant": "Yes."}\n```\nHope it helps.',
        '[{"question": "Is it open?", "answer": "Yes."},]',
        "{'user': 'Is it open?', 'assistant': 'Yes.'}",
        '{"User": "Is it open?", "Assistant": "Yes.",}',
        '{"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "Is it open?"},'
        ' {"role": "assistant", "content": "Yes."}]}',
        '{"examples": [{"prompt": "Is it open?", "completion": "Yes."}]}',
        '[{"role": "user", "content": "Is it open?"}, {"role": "assistant", "content": "Yes."}]',
        '<think>{"user": "no", "assistant": "no"}</think>{"user": "Is it open?", "assistant": "Yes."}',
        "User: Is it open?\nAssistant: Yes.",
        "**Question:** Is it open?\n**Answer:** Yes.",
        'As {asked}: {"user": "Is it open?", "assistant": "Yes."}',
    ],
)
def test_an_example_is_made_out_however_it_is_wrapped(answer: str) -> None:
    assert pairs_in(answer) == EXPECTED


def test_one_row_in_each_line_and_the_broken_last_one_is_left(  # a model that met its limit
) -> None:
    lines = [json.dumps({"user": f"q{number}", "assistant": f"a{number}"}) for number in range(3)]
    assert pairs_in("\n".join([*lines, '{"user": "q3", "assi'])) == [(f"q{n}", f"a{n}") for n in range(3)]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "it is empty"),
        ("I can't do that.", "there is no example in it"),
        ('{"user": "Is it', "it breaks off in the middle of an example"),
        ('{"user": "Is it open?"}', "an example has no answer: it has user"),
        ('{"colour": "red"}', "an example has no question: it has colour"),
        ('{"user": "", "assistant": "Yes."}', "an example has no question: it has user, assistant"),
        ('{"messages": [{"role": "user", "content": 3}]}', "a message of an example has no role or no text"),
    ],
)
def test_why_an_answer_holds_no_example_is_said(answer: str, why: str) -> None:
    assert [one.why_not for one in read_examples(answer, CHAT)] == [why]


def test_an_answer_that_is_an_object_becomes_its_json() -> None:
    assert pairs_in('{"user": "Where?", "assistant": {"city": "Łódź"}}') == [("Where?", '{"city": "Łódź"}')]


def test_preference_pairs_need_two_answers_that_differ() -> None:
    good = '{"user": "Hi", "preferred": "Hello!", "rejected": "What?"}'
    (piece,) = read_examples(good, PAIRS)
    assert (piece.preferred, piece.rejected, piece.why_not) == ("Hello!", "What?", "")
    same = read_examples('{"user": "Hi", "chosen": "Yes", "rejected": "Yes "}', PAIRS)
    assert [one.why_not for one in same] == ["both answers of an example are the same"]
    one = read_examples('{"user": "Hi", "preferred": "Yes"}', PAIRS)
    assert one[0].why_not.startswith("an example lacks one of its two answers")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("At six it shuts.", "At six it shuts."),
        ('"At six it shuts."', "At six it shuts."),
        ("Here is the rewritten message:\nAt six it shuts.", "At six it shuts."),
        ('{"user": "At six it shuts."}', "At six it shuts."),
        ('"One" and "two"', '"One" and "two"'),
    ],
)
def test_a_single_message_loses_what_was_wrapped_around_it(answer: str, text: str) -> None:
    assert read_text(answer).messages[0]["content"] == text


def test_a_conversation_that_comes_back_shorter_is_refused() -> None:
    answer = '{"messages": [{"role": "user", "content": "Bonjour"}]}'
    assert read_conversation(answer, ["user"]).messages[0]["content"] == "Bonjour"
    assert "1 message(s) came back for 2" in read_conversation(answer, ["user", "assistant"]).why_not


@given(st.text(max_size=300) | st.text(alphabet='{}[]":,\\ue0', max_size=200))
def test_nothing_that_a_model_writes_breaks_the_reading(answer: str) -> None:
    for dataset_format in (CHAT, PAIRS):
        pieces = read_examples(answer, dataset_format)
        assert 1 <= len(pieces) <= MOST_PIECES
        assert all(one.why_not or one.messages for one in pieces)
    read_text(answer)
    read_conversation(answer, ["user", "assistant"])


def test_deep_and_endless_answers_are_read_in_bounded_time() -> None:
    assert read_examples("[" * 30_000, CHAT)[0].why_not
    assert read_examples('{"user": ' * 8_000, CHAT)[0].why_not
    many = json.dumps({"user": "q", "assistant": "a"}) * 1_000
    assert len(read_examples(many, CHAT)) == MOST_PIECES


@given(st.text(max_size=200), st.integers(0, 1000))
def test_slips_are_the_same_for_a_seed_and_spare_numbers_and_addresses(text: str, seed: int) -> None:
    whole = f"Order 4711 of a@b.example, see https://x.example/path: {text}"
    slipped = with_slips(whole, random.Random(seed))
    assert slipped == with_slips(whole, random.Random(seed))
    for kept in ("4711", "a@b.example,", "https://x.example/path:"):
        assert kept in slipped


def test_a_text_of_words_gets_a_slip_and_keeps_the_first_letters() -> None:
    text = "The museum was a delightful surprise"
    for seed in range(50):
        slipped = with_slips(text, random.Random(seed))
        assert slipped != text
        assert [word[0] for word in slipped.split()] == [word[0] for word in text.split()]
