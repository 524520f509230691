from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from tui.evals.compare.differences import parting, word_differences
from tui.evals.compare.marks import marked
from tui.records.chats import TokenLogprob, ToolCall

PIECES = st.lists(st.sampled_from(["a", "b", "ab", " "]), max_size=8)
TEXTS = st.text(alphabet="ab \n.,é漢", max_size=60)


def tokens(*texts: str, alternatives: tuple[tuple[str, float], ...] = ()) -> list[TokenLogprob]:
    return [TokenLogprob(text, math.log(0.5), alternatives) for text in texts]


@given(TEXTS, TEXTS)
def test_the_pieces_of_a_text_are_the_text_and_what_is_equal_is_in_both(first: str, second: str) -> None:
    left, right = word_differences(first, second)
    assert "".join(piece.text for piece in left) == first
    assert "".join(piece.text for piece in right) == second
    assert [one.text for one in left if not one.differs] == [one.text for one in right if not one.differs]


def test_only_the_words_that_differ_are_marked() -> None:
    left, right = word_differences("the cat sat down", "the dog sat down")
    assert [piece.text for piece in left if piece.differs] == ["cat"]
    assert [piece.text for piece in right if piece.differs] == ["dog"]


def test_five_megabytes_in_one_line_are_compared_at_once() -> None:
    left, right = word_differences("x " * 2_500_000, "y " * 2_500_000)
    assert [piece.differs for piece in (*left, *right)] == [True, True]


def test_the_parting_tells_token_surety_and_what_the_other_thought_of_it() -> None:
    first = [*tokens("The ", "sky "), TokenLogprob("is", math.log(0.8), (("was", math.log(0.1)),))]
    second = [*tokens("The ", "sky "), TokenLogprob("was", math.log(0.6))]
    place = parting(first, second)
    assert place is not None
    assert (place.index, place.before, place.tokens) == (2, "The sky ", ("is", "was"))
    assert place.probabilities[0] is not None
    assert math.isclose(place.probabilities[0], 0.8)
    assert place.other_probabilities[0] is not None
    assert math.isclose(place.other_probabilities[0], 0.1)
    assert place.other_probabilities[1] is None


def test_another_vocabulary_for_the_same_text_is_no_parting() -> None:
    assert parting(tokens("hel", "lo", " world"), tokens("hello", " wor", "ld")) is None
    place = parting(tokens("hel", "lo", " you"), tokens("hello", " wor"))
    assert place is not None
    assert place.tokens == (" you", " wor")
    assert place.before == "hello"


def test_an_answer_that_ends_first_parts_there_and_nothing_is_told_without_logprobs() -> None:
    place = parting(tokens("a", "b"), tokens("a"))
    assert place is not None
    assert place.tokens == ("b", "")
    assert place.probabilities[1] is None
    assert parting(tokens("a"), tokens("a")) is None
    assert parting((), tokens("a")) is None


@given(
    st.lists(st.sampled_from(["a", "b", "ab", " "]), max_size=8),
    st.lists(st.sampled_from(["a", "b", "ab", " "]), max_size=8),
)
def test_there_is_a_parting_exactly_where_two_told_texts_differ(first: list[str], second: list[str]) -> None:
    place = parting(tokens(*first), tokens(*second))
    differs = bool(first and second) and "".join(first) != "".join(second)
    assert (place is not None) == differs


def test_words_of_a_writing_without_spaces_are_told_apart() -> None:
    first, second = word_differences("我想退货并且要求退款。v1", "我想退货并且要求换货。v2")
    assert [one.text for one in first if one.differs] == ["退款", "v1"]
    assert [one.text for one in second if one.differs] == ["换货", "v2"]


def test_tool_calls_that_differ_are_marked_and_told_however_their_json_is_spelled() -> None:
    first = (ToolCall("weather", '{"city": "Bonn", "days": 2}'),)
    spelled = (ToolCall("weather", '{"days":2,"city":"Bonn"}'),)
    other = (ToolCall("weather", '{"city": "Oslo\x1b[2J", "days": 2}'),)
    another = (ToolCall("news", "{broken"),)
    marks = marked([""] * 5, [()] * 5, list("abcde"), (first, spelled, other, another, ()))
    assert marks.words == (
        "They call the same.", "They call the same with other arguments.", "They call different tools.",
        "Only one of them calls a tool.",
    )  # fmt: skip
    same = marks.call_pieces(1, 1)
    assert same is not None
    assert not any(piece.differs for piece in same)
    assert "".join(piece.text for piece in same) == '→ weather({"days":2,"city":"Bonn"})'
    left, right = marks.call_pieces(0, 2), marks.call_pieces(2, 2)
    assert left is not None
    assert right is not None
    assert [piece.text for piece in left if piece.differs] == ["Bonn"]
    assert "Oslo" in "".join(piece.text for piece in right if piece.differs)
    assert "\x1b" not in "".join(piece.text for piece in right)
    assert marked(["a", "b"], [(), ()], ["a", "b"], ((), ())).call_pieces(1, 1) is None
